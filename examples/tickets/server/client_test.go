package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// client speaks to the API as a user of one tenant.
type client struct{ api http.Handler }

// object is a JSON object.
type object = map[string]any

// newClients gives a database of the test's own, and a client of each of its
// two tenants.
func newClients(t *testing.T) (acme, globex client) {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{Schema: theSchema})
	return newClient(t, db, 0), newClient(t, db, 1)
}

// newClient takes the place of the service's own identity, which reads the
// tenant from the host and the subject from the token.
func newClient(t *testing.T, db *tenanttest.DB, i int) client {
	t.Helper()
	api, err := newHandler(service.Backend{DB: db.DB, Options: rest.Options{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			return tenant.NewContext(rest.WithSubject(r.Context(), "ann"), db.Tenants[i]), nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return client{api}
}

// do sends a request; header are names and values by turns.
func (c client) do(t *testing.T, method, path string, body object, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(text)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, payload)
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	} else if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.api.ServeHTTP(w, r)
	return w
}

// want sends a request, wants a status, and gives the answer.
func (c client) want(t *testing.T, status int, method, path string, body object) object {
	t.Helper()
	w := c.do(t, method, path, body)
	var answer object
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != status {
		t.Fatalf("%s %s: %d instead of %d: %s", method, path, w.Code, status, w.Body)
	}
	return answer
}

// items are those of a page.
func items(t *testing.T, page object) []object {
	t.Helper()
	list, ok := page["items"].([]any)
	if !ok {
		t.Fatalf("no items in %v", page)
	}
	all := make([]object, len(list))
	for i, item := range list {
		all[i], _ = item.(object)
	}
	return all
}

// each is one property of each item of a page, in its order.
func each(t *testing.T, page object, property string) []any {
	t.Helper()
	values := []any{}
	for _, item := range items(t, page) {
		values = append(values, item[property])
	}
	return values
}
