package codegen_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	nullitems "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/null-items/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestNullItems keeps null in an array whose items may be null, and lets none
// into one whose items may not. One that got there past the API is named in the log.
func TestNullItems(t *testing.T) {
	t.Parallel()
	db := database(t, "null-items", `INSERT INTO tasks VALUES (1, '{a,NULL}', '{}'), (2, '{}', '{NULL}')`)
	var log lockedBuffer
	handler, err := nullitems.New(nullitems.Config{DB: db.DB, Options: rest.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			return tenant.NewContext(r.Context(), db.Tenants[0]), nil
		},
	}})
	check(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	s := api{url: server.URL}
	const task = `{"id": 7, "tags": ["a", ""], "grades": ["b", null, ""]}`
	s.want(t, http.MethodPost, "/tasks", task, http.StatusCreated, task)
	s.want(t, http.MethodGet, "/tasks/7", "", http.StatusOK, task)
	s.want(t, http.MethodGet, "/tasks/2", "", http.StatusOK, `{"id": 2, "tags": [], "grades": [null]}`)
	s.call(t, http.MethodPost, "/tasks", strings.NewReader(`{"id": 8, "tags": ["a", null], "grades": []}`), http.StatusUnprocessableEntity)
	s.call(t, http.MethodGet, "/tasks/8", nil, http.StatusNotFound)
	s.call(t, http.MethodGet, "/tasks/1", nil, http.StatusInternalServerError)
	if text := log.String(); !strings.Contains(text, "tags") {
		t.Errorf("the log does not name the column: %s", text)
	}
}

// lockedBuffer is a log that the server writes while the test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
