package rest_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

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
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	rows := []cursorRow{{at, 1}, {at, 1<<53 + 1}, {at, 3}}
	var f rest.Fields
	page, next := rest.NextPage(&f, "list", rows, 2, keyOf)
	if len(page) != 2 || next == nil {
		t.Fatalf("%d rows, next %v", len(page), next)
	}
	c := rest.ParseCursor(&f, "list", 2, next)
	gotAt := rest.CursorValue(&f, c, 0, rest.Null(rest.OpenPointer[time.Time], rest.UTC, rest.BuildTimestamptz))
	gotID := rest.CursorValue(&f, c, 1, rest.Null(rest.OpenPointer[int64], rest.Same[int64], rest.BuildInt8))
	if err := f.Invalid(); err != nil || !gotAt.Time.Equal(at) || gotID != (pgtype.Int8{Int64: 1<<53 + 1, Valid: true}) {
		t.Errorf("%v, %v, %v", gotAt, gotID, err)
	}
	if page, next := rest.NextPage(&f, "list", rows, 3, keyOf); len(page) != 3 || next != nil {
		t.Errorf("the last page: %d rows, next %v", len(page), next)
	}
	if page, next := rest.NextPage(&f, "list", rows, 0, keyOf); len(page) != 3 || next != nil {
		t.Errorf("no limit: %d rows, next %v", len(page), next)
	}
}

// TestFirstPage has no cursor, or an empty one.
func TestFirstPage(t *testing.T) {
	t.Parallel()
	empty := ""
	for _, text := range []*string{nil, &empty} {
		var f rest.Fields
		c := rest.ParseCursor(&f, "list", 1, text)
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
	var f rest.Fields
	last := time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
	_, next := rest.NextPage(&f, "list", []time.Time{last, last}, 1, func(_ *rest.Fields, _ time.Time) []any {
		return []any{last.In(time.FixedZone("east", 2*3600))}
	})
	if err := f.Unanswerable(); err != nil || next == nil {
		t.Fatalf("no cursor: %v", err)
	}
	c := rest.ParseCursor(&f, "list", 1, next)
	got := rest.CursorValue(&f, c, 0, rest.Must(rest.OpenPointer[time.Time], rest.UTC))
	if err := f.Invalid(); err != nil || !got.Equal(last) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestForeignCursor refuses what is no cursor of the list.
func TestForeignCursor(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"!", "e30", "bnVsbA", encode(`{"o":"other","v":[1]}`), encode(`{"o":"list","v":[]}`), encode(`{"o":"list","v":[1,2]}`),
		encode(`{"o":"list","v":["text"]}`), encode(`{"o":"list","v":[null]}`), encode(`{"o":"list","v":[1],"x":1}`), encode(`{"o":"list","v":[1.5]}`),
	} {
		var f rest.Fields
		c := rest.ParseCursor(&f, "list", 1, &text)
		rest.CursorValue(&f, c, 0, rest.Null(rest.OpenPointer[int64], rest.Same[int64], rest.BuildInt8))
		if f.Invalid() == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// FuzzCursor reads any text without failing.
func FuzzCursor(f *testing.F) {
	f.Add(encode(`{"o":"list","v":[1,"2026-01-01T00:00:00Z"]}`))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		var fields rest.Fields
		c := rest.ParseCursor(&fields, "list", 2, &text)
		id := rest.CursorValue(&fields, c, 0, rest.Null(rest.OpenPointer[int64], rest.Same[int64], rest.BuildInt8))
		at := rest.CursorValue(&fields, c, 1, rest.Null(rest.OpenPointer[time.Time], rest.UTC, rest.BuildTimestamptz))
		if fields.Invalid() == nil && id.Valid != at.Valid {
			t.Errorf("%q: half a cursor: %s", text, fmt.Sprint(id, at))
		}
	})
}
