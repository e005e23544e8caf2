package codegen_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	byhand "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/by-hand/gen/tenantdb"
	embed "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/embed/gen/handlers"
	enums "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/enums/gen/handlers"
	execs "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/exec/gen/handlers"
	lists "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/lists/gen/handlers"
	pagination "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/pagination/gen/handlers"
	patch "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/patch/gen/handlers"
	publicdb "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/scopes/gen/publicdb"
	sources "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/sources/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const subject = "0190a6c0-0000-7000-8000-00000000000a"

type builder = func(*tenant.DB, rest.Options) (http.Handler, error)

// serve starts the handlers of a golden project on a database of its own, with
// rows in its first tenant.
func serve(t *testing.T, golden, rows string, build builder) api {
	t.Helper()
	db := database(t, golden, rows)
	handler, err := build(db.DB, rest.Options{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			return rest.WithSubject(tenant.NewContext(r.Context(), db.Tenants[0]), subject), nil
		},
	})
	check(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return api{url: server.URL}
}

// database holds the schema of a golden project, with rows in its only tenant.
func database(t *testing.T, golden, rows string) *tenanttest.DB {
	t.Helper()
	public, err := os.ReadFile(goldenDir + "/" + golden + "/schema/public.sql")
	if !errors.Is(err, os.ErrNotExist) {
		check(t, err)
	}
	tables, err := os.ReadFile(goldenDir + "/" + golden + "/schema/tenant.sql")
	check(t, err)
	return tenanttest.New(t, tenanttest.Options{
		Schema:  catalog.Schema{Public: string(public) + tenanttest.PublicSchema, Tenant: string(tables)},
		Tenants: 1, TenantSQL: rows,
	})
}

// want calls an operation and compares the answer, JSON or nothing.
func (s api) want(t *testing.T, method, path, body string, status int, want string) {
	t.Helper()
	got := s.call(t, method, path, strings.NewReader(body), status)
	if want == "" {
		return
	}
	if diff := cmp.Diff(canonical(t, []byte(want)), canonical(t, []byte(got))); diff != "" {
		t.Errorf("%s %s (-want +got):\n%s", method, path, diff)
	}
}

func uid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// TestPagination walks a list page by page, with ties in the sort key.
func TestPagination(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for i := range 25 {
		fmt.Fprintf(&rows, "INSERT INTO events VALUES ('%s', '2026-01-01T00:00:00Z'::timestamptz + interval '1 microsecond' * %d, 3, 'event %02d');\n", uid(i), i/4, i)
	}
	s := serve(t, "pagination", rows.String(), func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return pagination.New(pagination.Config{DB: db, Options: o})
	})
	for _, path := range []string{"/events?limit=7", "/weighted?limit=4", "/titles?limit=1", "/events?limit=25"} {
		seen := map[string]bool{}
		for next := ""; ; {
			page := object(t, s.call(t, http.MethodGet, path+next, nil, http.StatusOK))
			var items []any
			decode(t, page["items"], &items)
			for _, item := range items {
				key := fmt.Sprint(item)
				if seen[key] {
					t.Fatalf("%s: %s comes twice", path, key)
				}
				seen[key] = true
			}
			cursor := page["next_cursor"]
			if cursor == nil {
				cursor = page["nextCursor"]
			}
			var text *string
			if cursor != nil {
				decode(t, cursor, &text)
			}
			if text == nil {
				break
			}
			next = "&cursor=" + url.QueryEscape(*text)
		}
		if len(seen) != 25 {
			t.Errorf("%s: %d items instead of 25", path, len(seen))
		}
	}
	var text string
	decode(t, object(t, s.call(t, http.MethodGet, "/events?limit=7", nil, http.StatusOK))["next_cursor"], &text)
	for _, cursor := range []string{"x", "e30", text + "AA"} {
		s.call(t, http.MethodGet, "/events?cursor="+cursor, nil, http.StatusBadRequest)
	}
	s.call(t, http.MethodGet, "/titles?limit=5&cursor="+text, nil, http.StatusBadRequest)
	s.call(t, http.MethodGet, "/events?limit=0", nil, http.StatusBadRequest)
}

// TestPatch tells absent from null in each kind of property.
func TestPatch(t *testing.T) {
	t.Parallel()
	s := serve(t, "patch", `INSERT INTO tasks VALUES ('`+uid(1)+`', 'title', 'note', 'open', '{a}', '{"m": 1}', '2026-01-02')`,
		func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return patch.New(patch.Config{DB: db, Options: o})
		})
	task := func(title, note, state, tags, meta, due string) string {
		return fmt.Sprintf(`{"id": %q, "title": %s, "note": %s, "state": %s, "tags": %s, "meta": %s%s}`, uid(1), title, note, state, tags, meta, due)
	}
	due := `, "due": "2026-01-02"`
	patches := []struct{ body, want string }{
		{`{}`, task(`"title"`, `"note"`, `"open"`, `["a"]`, `{"m": 1}`, due)},
		{`{"title": "new"}`, task(`"new"`, `"note"`, `"open"`, `["a"]`, `{"m": 1}`, due)},
		{`{"note": null}`, task(`"new"`, `null`, `"open"`, `["a"]`, `{"m": 1}`, due)},
		{`{"note": ""}`, task(`"new"`, `""`, `"open"`, `["a"]`, `{"m": 1}`, due)},
		{`{"state": "done", "tags": []}`, task(`"new"`, `""`, `"done"`, `[]`, `{"m": 1}`, due)},
		{`{"meta": null, "due": null}`, task(`"new"`, `""`, `"done"`, `[]`, `null`, "")},
		{`{"meta": {"x": {}}, "tags": ["b", "c"]}`, task(`"new"`, `""`, `"done"`, `["b", "c"]`, `{"x": {}}`, "")},
	}
	for _, p := range patches {
		request := s.with("application/merge-patch+json")
		request.want(t, http.MethodPatch, "/tasks/"+uid(1), p.body, http.StatusOK, p.want)
	}
	patched := s.with("application/merge-patch+json")
	patched.call(t, http.MethodPatch, "/tasks/"+uid(1), strings.NewReader(`{"title": null}`), http.StatusUnprocessableEntity)
	patched.call(t, http.MethodPatch, "/tasks/"+uid(2), strings.NewReader(`{}`), http.StatusNotFound)
	s.call(t, http.MethodPut, "/tasks/"+uid(1), strings.NewReader(`{"title": "put"}`), http.StatusNoContent)
	s.call(t, http.MethodPut, "/tasks/"+uid(2), strings.NewReader(`{}`), http.StatusNotFound)
}

// TestLists answers rows in every shape of a list.
func TestLists(t *testing.T) {
	t.Parallel()
	s := serve(t, "lists", `INSERT INTO labels VALUES (1, 'a', 'red'), (2, 'b', NULL)`,
		func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return lists.New(lists.Config{DB: db, Options: o})
		})
	rows := `[{"id": 1, "name": "a", "color": "red"}, {"id": 2, "name": "b"}]`
	for path, want := range map[string]string{
		"/array": rows, "/array-component": rows,
		"/envelope": `{"items": ` + rows + `}`, "/envelope-component": `{"items": ` + rows + `}`,
		"/names": `["a", "b"]`, "/name-objects": `[{"name": "a"}, {"name": "b"}]`, "/colors": `["red", null]`,
		"/count": `2`, "/count-object": `{"total": 2}`,
	} {
		s.want(t, http.MethodGet, path, "", http.StatusOK, want)
	}
}

// TestExec answers statements without rows.
func TestExec(t *testing.T) {
	t.Parallel()
	s := serve(t, "exec", `INSERT INTO jobs SELECT n, 'job' FROM generate_series(1, 5) n`,
		func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return execs.New(execs.Config{DB: db, Options: o})
		})
	s.want(t, http.MethodPut, "/jobs/1", `{"name": "other"}`, http.StatusNoContent, "")
	s.want(t, http.MethodDelete, "/jobs/1", "", http.StatusNoContent, "")
	s.want(t, http.MethodDelete, "/jobs/1", "", http.StatusNotFound, "")
	s.want(t, http.MethodPost, "/jobs/2", "", http.StatusNoContent, "")
	s.want(t, http.MethodPost, "/jobs/2", "", http.StatusNotFound, "")
	s.want(t, http.MethodPost, "/jobs", "", http.StatusNoContent, "")
	s.want(t, http.MethodDelete, "/jobs", "", http.StatusNoContent, "")
	s.want(t, http.MethodPost, "/jobs", "", http.StatusNotFound, "")
}

// TestEmbedAndEnums answers embedded tables, and filters by enums.
func TestEmbedAndEnums(t *testing.T) {
	t.Parallel()
	books := serve(t, "embed", `INSERT INTO authors VALUES (1, 'Ann'); INSERT INTO books VALUES (7, 1, NULL, 'Go')`,
		func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return embed.New(embed.Config{DB: db, Options: o})
		})
	books.want(t, http.MethodGet, "/books/7", "", http.StatusOK, `{"book": {"id": 7, "title": "Go"}, "author": {"id": 1, "name": "Ann"}, "title_length": 2}`)
	books.want(t, http.MethodGet, "/books", "", http.StatusOK, `[{"id": 7, "title": "Go", "author": {"id": 1, "name": "Ann"}}]`)
	findings := serve(t, "enums", `INSERT INTO findings VALUES (1, 'low', NULL, '{}', 'new'), (2, 'very-high', 'low', '{low,high}', 'new'), (3, 'low', 'high', '{}', 'old')`,
		func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return enums.New(enums.Config{DB: db, Options: o})
		})
	second := `{"id": 2, "severity": "very-high", "previous": "low", "seen": ["low", "high"], "status": "new"}`
	findings.want(t, http.MethodGet, "/findings?severity=very-high", "", http.StatusOK, "["+second+"]")
	findings.want(t, http.MethodGet, "/findings?any_of=high&any_of=very-high", "", http.StatusOK, "["+second+"]")
	findings.want(t, http.MethodGet, "/findings?severity=none", "", http.StatusBadRequest, "")
	findings.want(t, http.MethodGet, "/findings?status=old", "", http.StatusOK, `[{"id": 3, "severity": "low", "previous": "high", "seen": [], "status": "old"}]`)
	findings.want(t, http.MethodGet, "/counts", "", http.StatusOK, `[{"severity": "low", "total": 2}, {"severity": "very-high", "total": 1}]`)
}

// TestSources takes arguments from every part of a request.
func TestSources(t *testing.T) {
	t.Parallel()
	s := serve(t, "sources", "", func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return sources.New(sources.Config{DB: db, Options: o})
	})
	extra := `{"lang": "en", "reactions": {"+1": 2}}`
	s.want(t, http.MethodPut, "/rooms/hall/messages/"+uid(1), `{"body": "hello", "extra": `+extra+`}`, http.StatusCreated, `{"id": "`+uid(1)+`", "extra": `+extra+`}`)
	s.want(t, http.MethodPut, "/rooms/hall/messages/"+uid(1), `{"body": "again", "extra": `+extra+`}`, http.StatusConflict, "")
	s.want(t, http.MethodPut, "/messages/"+uid(1)+"/extra", `{"lang": "de"}`, http.StatusNoContent, "")
	s.want(t, http.MethodPut, "/messages/"+uid(2)+"/extra", `{"lang": "de"}`, http.StatusNotFound, "")
	s.want(t, http.MethodGet, "/my-messages?rooms=hall&rooms=cellar", "", http.StatusOK, `[{"id": "`+uid(1)+`", "body": "hello", "extra": {"lang": "de"}}]`)
	s.want(t, http.MethodGet, "/my-messages?rooms=cellar", "", http.StatusOK, `[]`)
}

// TestFacade copies rows in, reads them in a batch, and takes a transaction back.
func TestFacade(t *testing.T) {
	t.Parallel()
	db := database(t, "by-hand", "")
	querier, err := db.DB.Bind(db.Tenants[0])
	check(t, err)
	defer querier.Close()
	ctx, q := t.Context(), byhand.New(querier)
	if q.Querier() != querier {
		t.Error("another querier")
	}
	at := func(day int) pgtype.Timestamptz {
		return pgtype.Timestamptz{Time: time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC), Valid: true}
	}
	copied, err := q.AddReadings(ctx, []byhand.AddReadingsParams{
		{Sensor: "a", At: at(1), Value: 1}, {Sensor: "a", At: at(2), Value: 2}, {Sensor: "b", At: at(1), Value: 3},
	})
	if err != nil || copied != 3 {
		t.Fatalf("%d rows copied, %v", copied, err)
	}
	counts := map[int]int{}
	q.AllReadings(ctx, []string{"a", "b", "c"}).Query(func(i int, rows []byhand.AllReadingsRow, err error) {
		check(t, err)
		counts[i] = len(rows)
	})
	if diff := cmp.Diff(map[int]int{0: 2, 1: 1, 2: 0}, counts); diff != "" {
		t.Errorf("rows of the batch (-want +got):\n%s", diff)
	}
	failure := errors.New("roll back")
	err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *byhand.Queries) error {
		tag, err := tx.Touch(ctx, "b")
		check(t, err)
		if tag.RowsAffected() != 1 {
			t.Errorf("%d rows touched", tag.RowsAffected())
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("transaction: %v", err)
	}
	q.LastReadings(ctx, []string{"b"}).QueryRow(func(_ int, last byhand.Reading, err error) {
		if err != nil || !last.At.Time.Equal(at(1).Time) {
			t.Errorf("the transaction was not taken back: %v, %v", last.At, err)
		}
	})
}

// TestUnbound makes sure that queries without a querier are errors.
func TestUnbound(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, q := range map[string]*byhand.Queries{"nil": nil, "zero": {}, "without querier": byhand.New(nil)} {
		_, copied := q.AddReadings(ctx, nil)
		_, touched := q.Touch(ctx, "sensor")
		batched := byhand.ErrBatchAlreadyClosed
		q.DropReadings(ctx, []byhand.DropReadingsParams{{}}).Exec(func(_ int, err error) { batched = err })
		inTx := q.InTx(ctx, tenant.TxOptions{}, func(context.Context, *byhand.Queries) error { return nil })
		for what, err := range map[string]error{"copy": copied, "exec": touched, "batch": batched, "transaction": inTx} {
			if tenant.CodeOf(err) != tenant.CodeNoTenant {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	var q *publicdb.Queries
	if _, err := q.ListCountries(ctx); tenant.CodeOf(err) != tenant.CodeNoTenant {
		t.Errorf("public: %v", err)
	}
	if _, err := publicdb.New(nil).ListCountries(ctx); tenant.CodeOf(err) != tenant.CodeNoTenant || errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("public without querier: %v", err)
	}
}
