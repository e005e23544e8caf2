package codegen_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	httpclient "github.com/bailiwick-dev/bailiwick/client"
	goclient "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/client/sdk/go-client"
)

// clientService answers the golden project's operations: each list has two
// pages, and each stream two lines.
func clientService(t *testing.T) *goclient.ClientWithResponses {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answerClient(w, r, string(body))
	}))
	t.Cleanup(server.Close)
	c, err := goclient.NewAPI(server.URL+"/", "secret", nil)
	check(t, err)
	return c
}

const (
	eventA = `{"id":"00000000-0000-4000-8000-00000000000a"}`
	eventB = `{"id":"00000000-0000-4000-8000-00000000000b"}`
)

func answerClient(w http.ResponseWriter, r *http.Request, body string) {
	page := func(status int, first, second string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if r.URL.Query().Get("cursor") == "2 &" {
			first = second
		}
		fmt.Fprint(w, first)
	}
	switch {
	case r.URL.Path == "/events" && r.Method == http.MethodGet:
		page(200, `{"items":[`+eventA+`],"next_cursor":"2 &"}`, `{"items":[`+eventB+`],"next_cursor":null}`)
	case r.URL.Path == "/events/a/b/parts":
		page(206, `{"items":["a"],"nextCursor":"2 &"}`, `{}`)
	case r.URL.Path == "/things" && body == `{"name":"x"}`:
		page(200, `{"items":[`+eventA+`],"next_cursor":"2 &"}`, `{"items":[],"next_cursor":""}`)
	case r.Header.Get("Accept") == "application/x-ndjson":
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprintln(w, eventA)
		fmt.Fprint(w, body)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// walked writes what a walk gives.
func walked[T any](t *testing.T, all iter.Seq2[T, error]) (texts []string) {
	t.Helper()
	for value, err := range all {
		check(t, err)
		texts = append(texts, fmt.Sprintf("%v", value))
	}
	return texts
}

func TestClientBehaviour(t *testing.T) {
	t.Parallel()
	c := clientService(t)
	name := "x"
	a, b := "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
	event := func(id string) string { return "{" + id + " <nil>}" }
	for name, test := range map[string]struct{ got, want []string }{
		"a nullable cursor":  {walked(t, c.AllEvents(t.Context(), nil)), []string{event(a), event(b)}},
		"optional parts":     {walked(t, c.AllSearchParts(t.Context(), "a", "b", &goclient.SearchPartsParams{Cursor: "1"})), []string{"a"}},
		"a body, and a list": {walked(t, c.AllThings(t.Context(), nil, goclient.ListThingsJSONRequestBody{Name: &name})), []string{event(a)}},
		"lines of a type": {
			walked(t, c.AddEventsLines(t.Context(), "application/x-ndjson", strings.NewReader(eventB+"\n"))), []string{event(a), event(b)},
		},
		"lines of any type": {func() (texts []string) {
			for line, err := range c.ExportThingsLines(t.Context(), nil) {
				check(t, err)
				texts = append(texts, string(line))
			}
			return texts
		}(), []string{eventA}},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, err := range c.AllSearchParts(t.Context(), "none", "b", nil) {
		if p, ok := errors.AsType[*httpclient.Problem](err); !ok || p.Status != http.StatusNotFound {
			t.Errorf("%v", err)
		}
	}
}
