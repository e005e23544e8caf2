package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	httpclient "github.com/bailiwick-dev/bailiwick/client"
	"github.com/bailiwick-dev/bailiwick/gen/client"
)

// exampleService stands for the reference service: it has three scans, and is
// busy at the first request.
func exampleService() *httptest.Server {
	busy := true
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case busy:
			busy = false
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path != "/v1/scans":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"type":"https://bailiwick.dev/problems/not-found","title":"There is no such thing","status":404}`)
		case r.URL.Query().Get("cursor") == "":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"items":[{"name":"nightly"},{"name":"weekly"}],"next_cursor":"p2"}`)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"items":[{"name":"before the audit"}],"next_cursor":null}`)
		}
	}))
}

// A generated client walks through all pages, and is not put off by a service
// that is busy.
func Example() {
	service := exampleService() // https://acme.example.com
	defer service.Close()
	api, err := client.NewAPI(service.URL, "the token", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for scan, err := range api.AllScans(context.Background(), nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(scan.Name.MustGet())
	}
	// Output:
	// nightly
	// weekly
	// before the audit
}

// Every answer of status 400 and more is an error that tells what it is.
func ExampleProblem() {
	service := exampleService()
	defer service.Close()
	api, err := client.NewAPI(service.URL, "the token", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = api.GetCheckWithResponse(context.Background(), "none", nil)
	if problem, ok := errors.AsType[*httpclient.Problem](err); ok && problem.Kind() == "not-found" {
		fmt.Println(problem)
	}
	// Output: GET /v1/checks/none: 404 There is no such thing
}

// Lines of a streamed answer arrive one by one.
func ExampleLines() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", httpclient.LinesType)
		fmt.Fprintln(w, `{"region":"eu-west-1"}`)
		fmt.Fprintln(w, `{"region":"global"}`)
	}))
	defer service.Close()
	lines := httpclient.Lines[json.RawMessage](func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, service.URL, http.NoBody)
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(req)
	})
	for line, err := range lines {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(line))
	}
	// Output:
	// {"region":"eu-west-1"}
	// {"region":"global"}
}
