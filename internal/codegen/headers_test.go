package codegen_test

import (
	stdcmp "cmp"
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	headersapi "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/headers/gen/api"
	headers "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/headers/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestHeaders answers with bodies beside headers that nobody sets, and that are
// therefore not sent.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, "headers", `INSERT INTO things VALUES (1, 'a')`, func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return headers.New(headers.Config{DB: db, Options: o, Custom: shape{}})
	})
	for _, c := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"GET", "/things", "", `{"items": [{"id": 1, "name": "a"}]}`, http.StatusOK},
		{"GET", "/names", "", `["a"]`, http.StatusOK},
		{"GET", "/things/1", "", `{"id": 1, "name": "a", "at": "2026-01-01T00:00:00Z"}`, http.StatusOK},
		{"POST", "/things", `{"id": 2, "name": "b"}`, `{"id": 2, "name": "b"}`, http.StatusCreated},
		{"PUT", "/things/2", `{"name": "c"}`, "", http.StatusNoContent},
		{"DELETE", "/things/2", "", "", http.StatusNoContent},
	} {
		answer, body := s.send(t, c.method, c.path, c.body, nil)
		if answer.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, answer.StatusCode, body)
		}
		if c.want != "" && cmp.Diff(canonical(t, []byte(c.want)), canonical(t, []byte(body))) != "" {
			t.Errorf("%s %s: %s", c.method, c.path, body)
		}
		for _, name := range []string{"X-Total", "Preference-Applied", "X-List", "X-Nothing", "X-Done", "Content-Location"} {
			if values, sent := answer.Header[name]; sent {
				t.Errorf("%s %s sends %s: %q", c.method, c.path, name, values)
			}
		}
	}
	answer, _ := s.send(t, "GET", "/shape", "", nil)
	if got := answer.Header.Get("X-Shape"); got != "by hand" {
		t.Errorf("X-Shape %q", got)
	}
	answer, _ = s.send(t, "GET", "/shape", "", http.Header{"X-Fail": {"yes"}})
	if _, sent := answer.Header["X-Shape"]; sent || answer.StatusCode != http.StatusTeapot {
		t.Errorf("%d with %v", answer.StatusCode, answer.Header)
	}
}

// shape sets a header by hand.
type shape struct{}

func (shape) GetShape(ctx context.Context, req headersapi.GetShapeRequestObject) (headersapi.GetShapeResponseObject, error) {
	rest.Header(ctx).Set("X-Shape", "by hand")
	if req.Params.XFail != nil {
		return nil, rest.Errorf(http.StatusTeapot, "as asked")
	}
	return headersapi.GetShape200JSONResponse{}, nil
}

// answer is an answer without its body.
type answer struct {
	StatusCode int
	Header     http.Header
}

// send calls an operation with headers and gives the whole answer.
func (s api) send(t *testing.T, method, path, body string, header http.Header) (answer, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	check(t, err)
	maps.Copy(request.Header, header)
	if body != "" {
		request.Header.Set("Content-Type", stdcmp.Or(s.contentType, "application/json"))
	}
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	data, err := io.ReadAll(response.Body)
	check(t, err)
	check(t, response.Body.Close())
	return answer{response.StatusCode, response.Header}, string(data)
}
