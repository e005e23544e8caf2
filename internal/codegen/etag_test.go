package codegen_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	etagapi "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/etag/gen/api"
	etag "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/etag/gen/handlers"
	etagdb "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/etag/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// text answers the operations of golden/etag that are written by hand.
type text struct{}

func (text) GetText(ctx context.Context, q *etagdb.Queries, req etagapi.GetTextRequestObject) (etagapi.GetTextResponseObject, error) {
	note, err := q.GetNote(ctx, req.Id)
	if err != nil {
		return nil, err
	}
	if err := rest.SetETag(ctx, note.Body); err != nil {
		return nil, err
	}
	return etagapi.GetText200JSONResponse(note.Body), nil
}

func (text) PutText(ctx context.Context, q *etagdb.Queries, req etagapi.PutTextRequestObject) (etagapi.PutTextResponseObject, error) {
	err := q.InTx(ctx, tenant.TxOptions{Isolation: pgx.RepeatableRead}, func(ctx context.Context, tx *etagdb.Queries) error {
		note, err := tx.GetNote(ctx, req.Id)
		if err != nil {
			return err
		}
		if req.Params.IfMatch != nil {
			if err := rest.IfMatch(*req.Params.IfMatch, note.Body); err != nil {
				return err
			}
		}
		_, err = tx.PutNote(ctx, etagdb.PutNoteParams{ID: req.Id, Body: *req.Body})
		return err
	})
	if err != nil {
		return nil, err
	}
	return etagapi.PutText204Response{}, nil
}

func serveETag(t *testing.T) api {
	t.Helper()
	return serve(t, "etag", `INSERT INTO notes VALUES (1, 'one'), (2, 'two')`, func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return etag.New(etag.Config{DB: db, Options: o, Custom: text{}})
	}).with("application/merge-patch+json")
}

// tag reads an operation's ETag.
func (s api) tag(t *testing.T, path string) string {
	t.Helper()
	answer, _ := s.send(t, "GET", path, "", nil)
	got := answer.Header.Get("ETag")
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(got, `"`) {
		t.Fatalf("GET %s: %d with ETag %s", path, answer.StatusCode, got)
	}
	return got
}

func (s api) status(t *testing.T, method, path, body, name, value string, want int) answer {
	t.Helper()
	answer, got := s.send(t, method, path, body, http.Header{name: {value}})
	if answer.StatusCode != want {
		t.Errorf("%s %s %s with %s %s: %d instead of %d: %s", method, path, body, name, value, answer.StatusCode, want, got)
	}
	return answer
}

// TestIfNoneMatch answers 304 without a body to who has it, by hand and bound.
func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	s := serveETag(t)
	for _, path := range []string{"/notes/1", "/notes/1/text"} {
		tag := s.tag(t, path)
		for _, has := range []string{tag, "W/" + tag, `"x", ` + tag, "*", strings.TrimSuffix(tag, `"`) + `-gzip"`} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				answer := s.status(t, method, path, "", "If-None-Match", has, http.StatusNotModified)
				if answer.Header.Get("ETag") != tag || answer.Header.Get("Content-Type") != "" {
					t.Errorf("304 with %v", answer.Header)
				}
			}
		}
		answer, body := s.send(t, "GET", path, "", http.Header{"If-None-Match": {`"x"`, tag}})
		if answer.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("two lines: %d %q", answer.StatusCode, body)
		}
		for _, other := range []string{`"x"`, strings.Trim(tag, `"`), "", "**"} {
			s.status(t, "GET", path, "", "If-None-Match", other, http.StatusOK)
		}
	}
	s.status(t, "GET", "/notes/9", "", "If-None-Match", "*", http.StatusNotFound)
}

// TestIfMatch lets a change through that knows what it changes, and no other.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := serveETag(t)
	first := s.tag(t, "/notes/1")
	if other := s.tag(t, "/notes/2"); other == first {
		t.Error("two notes of one ETag")
	}
	patch := `{"body": "patched"}`
	for has, want := range map[string]int{
		`"x"`: http.StatusPreconditionFailed, "W/" + first: http.StatusPreconditionFailed, "x": http.StatusBadRequest, `"x`: http.StatusBadRequest, "": http.StatusBadRequest,
	} {
		answer := s.status(t, "PATCH", "/notes/1", patch, "If-Match", has, want)
		if _, sent := answer.Header["Etag"]; sent {
			t.Errorf("%d with an ETag", want)
		}
	}
	answer := s.status(t, "PATCH", "/notes/1", patch, "If-Match", `"x", `+first, http.StatusOK)
	second := s.tag(t, "/notes/1")
	if second == first || answer.Header.Get("ETag") != second {
		t.Errorf("after %s the PATCH says %s and the GET %s", first, answer.Header.Get("ETag"), second)
	}
	s.status(t, "PATCH", "/notes/1", patch, "If-Match", first, http.StatusPreconditionFailed)
	s.status(t, "PATCH", "/notes/1", patch, "If-Match", "*", http.StatusOK)
	s.status(t, "PATCH", "/notes/1", patch, "Accept", "*/*", http.StatusOK)
	for _, has := range []string{"*", first} {
		s.status(t, "PATCH", "/notes/9", patch, "If-Match", has, http.StatusNotFound)
		s.status(t, "DELETE", "/notes/9", "", "If-Match", has, http.StatusNotFound)
	}
	json := s.with("application/json")
	json.status(t, "PUT", "/notes/1", `{"body": "put"}`, "Accept", "*/*", http.StatusBadRequest)
	json.status(t, "PUT", "/notes/1", `{"body": "put"}`, "If-Match", first, http.StatusPreconditionFailed)
	json.status(t, "PUT", "/notes/1", `{"body": "put"}`, "If-Match", second, http.StatusNoContent)
	json.status(t, "PUT", "/notes/1/text", `"by hand"`, "If-Match", second, http.StatusPreconditionFailed)
	json.status(t, "PUT", "/notes/1/text", `"by hand"`, "If-Match", s.tag(t, "/notes/1/text"), http.StatusNoContent)
	s.status(t, "DELETE", "/notes/1", "", "If-Match", second, http.StatusPreconditionFailed)
	s.status(t, "DELETE", "/notes/1", "", "If-Match", s.tag(t, "/notes/1"), http.StatusNoContent)
	added := json.status(t, "POST", "/notes", `{"id": 3, "body": "three"}`, "Accept", "*/*", http.StatusCreated)
	if got := s.tag(t, "/notes/3"); got != added.Header.Get("ETag") {
		t.Errorf("the POST says %s and the GET %s", added.Header.Get("ETag"), got)
	}
}

// TestIfMatchRace has many change one note from the same ETag: one wins.
func TestIfMatchRace(t *testing.T) {
	t.Parallel()
	s := serveETag(t)
	for round := range 10 {
		tag := s.tag(t, "/notes/2")
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses := map[int]int{}
		for i := range 8 {
			wg.Go(func() {
				answer, _ := s.send(t, "PATCH", "/notes/2", fmt.Sprintf(`{"body": "%d of %d"}`, i, round), http.Header{"If-Match": {tag}})
				mu.Lock()
				defer mu.Unlock()
				statuses[answer.StatusCode]++
			})
		}
		wg.Wait()
		if statuses[http.StatusOK] != 1 || statuses[http.StatusPreconditionFailed] != 7 {
			t.Fatalf("round %d: statuses %v", round, statuses)
		}
	}
}
