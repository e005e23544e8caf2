package rest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

type cursorRow struct {
	at time.Time
	id int64
}

func keyOf(_ *rest.Fields, r cursorRow) []any { return []any{r.at, r.id} }

// TestCursor carries the sort key of a page's last row to the next page.
func TestCursor(t *testing.T) {
	t.Parallel()
	ctx := tenant.NewContext(t.Context(), acme)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	rows := []cursorRow{{at, 1}, {at, 1<<53 + 1}, {at, 3}}
	var f rest.Fields
	page, next := rest.NextPage(ctx, &f, "list", rows, 2, keyOf)
	if len(page) != 2 || next == nil {
		t.Fatalf("%d rows, next %v", len(page), next)
	}
	c := rest.ParseCursor(ctx, &f, "list", 2, next)
	gotAt := rest.CursorValue(&f, c, 0, rest.Null(rest.OpenPointer[time.Time], rest.UTC, rest.BuildTimestamptz))
	gotID := rest.CursorValue(&f, c, 1, rest.Null(rest.OpenPointer[int64], rest.Same[int64], rest.BuildInt8))
	if err := f.Invalid(); err != nil || !gotAt.Time.Equal(at) || gotID != (pgtype.Int8{Int64: 1<<53 + 1, Valid: true}) {
		t.Errorf("%v, %v, %v", gotAt, gotID, err)
	}
	if page, next := rest.NextPage(ctx, &f, "list", rows, 3, keyOf); len(page) != 3 || next != nil {
		t.Errorf("the last page: %d rows, next %v", len(page), next)
	}
	if page, next := rest.NextPage(ctx, &f, "list", rows, 0, keyOf); len(page) != 3 || next != nil {
		t.Errorf("no limit: %d rows, next %v", len(page), next)
	}
}

// TestFirstPage has no cursor, or an empty one.
func TestFirstPage(t *testing.T) {
	t.Parallel()
	ctx := tenant.NewContext(t.Context(), acme)
	empty := ""
	for _, text := range []*string{nil, &empty} {
		var f rest.Fields
		c := rest.ParseCursor(ctx, &f, "list", 1, text)
		got := rest.CursorValue(&f, c, 0, rest.Null(rest.OpenPointer[int64], rest.Same[int64], rest.BuildInt8))
		if err := f.Invalid(); err != nil || got.Valid {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestPageSize refuses pages without rows.
func TestPageSize(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{0, -1} {
		var f rest.Fields
		if rest.PageSize(&f, "query.limit", limit); f.Invalid() == nil {
			t.Errorf("%d is allowed", limit)
		}
	}
}

// TestCursorOfTheLastDay is in UTC, whatever the clocks of the server show.
func TestCursorOfTheLastDay(t *testing.T) {
	t.Parallel()
	ctx := tenant.NewContext(t.Context(), acme)
	var f rest.Fields
	last := time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
	_, next := rest.NextPage(ctx, &f, "list", []time.Time{last, last}, 1, func(_ *rest.Fields, _ time.Time) []any {
		return []any{last.In(time.FixedZone("east", 2*3600))}
	})
	if err := f.Unanswerable(); err != nil || next == nil {
		t.Fatalf("no cursor: %v", err)
	}
	c := rest.ParseCursor(ctx, &f, "list", 1, next)
	got := rest.CursorValue(&f, c, 0, rest.Must(rest.OpenPointer[time.Time], rest.UTC))
	if err := f.Invalid(); err != nil || !got.Equal(last) {
		t.Errorf("%v, %v", got, err)
	}
}

// sign makes a cursor of any values, as a list of one key would.
func sign(ctx context.Context, t testing.TB, operation string, values ...any) string {
	t.Helper()
	var f rest.Fields
	_, next := rest.NextPage(ctx, &f, operation, []int{1, 2}, 1, func(*rest.Fields, int) []any { return values })
	if next == nil {
		t.Fatalf("no cursor: %v", f.Unanswerable())
	}
	return *next
}

// resumed is the answer to a cursor of the list "list", whose key is a bigint.
func resumed(ctx context.Context, text string) error {
	var f rest.Fields
	c := rest.ParseCursor(ctx, &f, "list", 1, &text)
	rest.CursorValue(&f, c, 0, rest.Null(rest.OpenPointer[int64], rest.Same[int64], rest.BuildInt8))
	return f.Invalid()
}

// TestForeignCursor refuses what the service did not sign for this list and
// tenant, and names the parameter.
func TestForeignCursor(t *testing.T) {
	t.Parallel()
	ctx := tenant.NewContext(t.Context(), acme)
	other := tenant.NewContext(t.Context(), tenant.Tenant{ID: tenant.NewID(), Slug: "globex"})
	good := sign(ctx, t, "list", 1)
	if err := resumed(ctx, good); err != nil {
		t.Fatalf("its own cursor: %v", err)
	}
	refused := map[string]string{
		"another tenant's":      sign(other, t, "list", 1),
		"nobody's":              sign(t.Context(), t, "list", 1),
		"another operation's":   sign(ctx, t, "other", 1),
		"of two keys":           sign(ctx, t, "list", 1, 2),
		"of no key":             sign(ctx, t, "list"),
		"of text":               sign(ctx, t, "list", "text"),
		"of null":               sign(ctx, t, "list", nil),
		"of a fraction":         sign(ctx, t, "list", 1.5),
		"unsigned":              base64.RawURLEncoding.EncodeToString([]byte("[1]")),
		"no base64":             "!",
		"with an end of line":   good + "\n",
		"with padding":          good + "=",
		"signed twice":          good + good,
		"the code alone":        good[:43],
		"of 32 bytes that fill": base64.RawURLEncoding.EncodeToString(make([]byte, 35)),
	}
	for i := range good {
		refused[fmt.Sprintf("cut at %d", i)] = good[:i]
		changed := []byte(good)
		changed[i]++
		refused[fmt.Sprintf("changed at %d", i)] = string(changed)
	}
	delete(refused, "cut at 0") // The empty one is the first page.
	want := []rest.FieldError{{In: "query", Parameter: "cursor", Detail: "not a cursor of this list"}}
	for name, text := range refused {
		problem, _ := rest.ProblemOf(resumed(ctx, text))
		if diff := cmp.Diff(want, problem.Errors); problem.Status != http.StatusBadRequest || diff != "" {
			t.Errorf("%s: %d %s", name, problem.Status, diff)
		}
	}
}

// TestCursorKeys signs by Options.Keys, so that a cursor is good for each
// process that has the key, and after a rotation.
func TestCursorKeys(t *testing.T) {
	t.Parallel()
	one, two := keyring.Generate("1"), keyring.Generate("2")
	cursor := ""
	for _, c := range []struct {
		name, keys string
		status     int
	}{
		{"signs", one, http.StatusOK}, {"the same key", one, http.StatusOK}, {"rotated", two + "," + one, http.StatusOK},
		{"another key", two, http.StatusBadRequest}, {"a key of the process", "", http.StatusBadRequest},
	} {
		var keys *keyring.Keyring
		if c.keys != "" {
			var err error
			if keys, err = keyring.Parse(c.keys); err != nil {
				t.Fatal(err)
			}
		}
		doc := load(t, `{openapi: 3.0.3, info: {title: x, version: "1"}, paths: {/list: {get: {operationId: list, security: [], responses: {"200": {description: ok}}}}}}`)
		h, err := rest.Wrap(doc, rest.Options{Keys: keys, Logger: slog.New(slog.DiscardHandler)}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if cursor == "" {
				cursor = sign(r.Context(), t, "list", 1)
			}
			if err := resumed(r.Context(), cursor); err != nil {
				rest.WriteError(w, r, err)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/list", http.NoBody))
		if w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// FuzzCursor reads any text without failing, and takes none that was not signed.
func FuzzCursor(f *testing.F) {
	ctx := tenant.NewContext(f.Context(), acme)
	good := sign(ctx, f, "list", 1)
	f.Add(good[:len(good)-1], false)
	f.Add(`[1]`, true)
	f.Add("", false)
	f.Fuzz(func(t *testing.T, text string, signed bool) {
		if !signed {
			if err := resumed(ctx, text); err == nil && text != "" && text != good {
				t.Errorf("%q is taken", text)
			}
			return
		}
		var values []any // What a change of the program may leave behind in signed cursors.
		if json.Unmarshal([]byte(text), &values) == nil {
			_, whole := append(values, nil)[0].(float64)
			if err := resumed(ctx, sign(ctx, t, "list", values...)); err == nil && (len(values) != 1 || !whole) {
				t.Errorf("%s is taken", text)
			}
		}
	})
}
