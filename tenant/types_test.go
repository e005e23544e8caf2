package tenant_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

type mood string

type kind struct {
	Mood      mood
	Moods     []mood
	Pair      string
	Pairs     []string
	Positive  int32
	Positives []int32
	Doc       []byte
	Raw       []byte
	At        time.Time
	Amount    pgtype.Numeric
	Tags      []string
}

func sample(t *testing.T) kind {
	t.Helper()
	var amount pgtype.Numeric
	if err := amount.Scan("12345678901234567890.123456789000"); err != nil {
		t.Fatal(err)
	}
	return kind{
		Mood: "happy", Moods: []mood{"sad", "happy"}, Pair: `(7,"a, b")`, Pairs: []string{`(1,x)`, `(2,"y z")`},
		Positive: 5, Positives: []int32{1, 2}, Doc: []byte(`{"a": "tab\t and \\ backslash"}`), Raw: []byte{0, 1, 254, 255, '\\', '\n'},
		At: time.Date(2026, 2, 3, 4, 5, 6, 789000, time.UTC), Amount: amount, Tags: []string{"plain", `quo"te`, "com,ma", "", "NULL"},
	}
}

const kindColumns = "mood, moods, pair, pairs, positive, positives, doc, raw, at, amount, tags"

func (k kind) values() []any {
	return []any{k.Mood, k.Moods, k.Pair, k.Pairs, k.Positive, k.Positives, k.Doc, k.Raw, k.At, k.Amount, k.Tags}
}

func scanKind(row pgx.Row) (k kind, err error) {
	err = row.Scan(&k.Mood, &k.Moods, &k.Pair, &k.Pairs, &k.Positive, &k.Positives, &k.Doc, &k.Raw, &k.At, &k.Amount, &k.Tags)
	k.At = k.At.UTC()
	return k, err
}

// Values of every kind of type survive the way there and back, for each tenant's
// own OIDs, by INSERT and by COPY.
func TestTypes(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		want := sample(t)
		compare := cmp.Comparer(func(a, b pgtype.Numeric) bool { return a.Int.Cmp(b.Int) == 0 && a.Exp == b.Exp })
		for _, to := range db.Tenants {
			q := bind(t, db.DB, to)
			ctx := t.Context()
			got, err := scanKind(q.QueryRow(ctx, "INSERT INTO kinds (id, "+kindColumns+") VALUES (2, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING "+kindColumns, want.values()...))
			if diff := cmp.Diff(want, got, compare); err != nil || diff != "" {
				t.Errorf("INSERT: %v %s", err, diff)
			}
			columns := append([]string{"id"}, strings.Split(kindColumns, ", ")...)
			n, err := q.CopyFrom(ctx, pgx.Identifier{"kinds"}, columns, pgx.CopyFromRows([][]any{append([]any{int32(3)}, want.values()...)}))
			if n != 1 || err != nil {
				t.Fatalf("COPY: %d %v", n, err)
			}
			got, err = scanKind(q.QueryRow(ctx, "SELECT "+kindColumns+" FROM kinds WHERE id = $1", int32(3)))
			if diff := cmp.Diff(want, got, compare); err != nil || diff != "" {
				t.Errorf("COPY: %v %s", err, diff)
			}
			ids := must[[]mood](t)(one[[]mood](ctx, q, "SELECT moods FROM happy WHERE mood = ANY($1::mood[]) AND id = 3", []mood{"happy"}))
			if diff := cmp.Diff(want.Moods, ids); diff != "" {
				t.Errorf("view: %s", diff)
			}
		}
	})
}

func TestNulls(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		q := bind(t, db.DB, db.Tenants[0])
		var doc []byte
		var tags []string
		var positive *int32
		err := q.QueryRow(t.Context(), "INSERT INTO kinds (id, doc, tags, positive) VALUES (2, $1, $2, $3) RETURNING doc, tags, positive",
			[]byte(nil), []string(nil), (*int32)(nil)).Scan(&doc, &tags, &positive)
		if err != nil || doc != nil || tags != nil || positive != nil {
			t.Errorf("%v %v %v %v", doc, tags, positive, err)
		}
	})
}

// A large result is streamed: the first row comes long before the last, and the
// whole is larger than what the connection buffers.
func TestLargeResultIsStreamed(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		q := bind(t, db.DB, db.Tenants[0])
		rows, err := q.Query(t.Context(), "SELECT i, pg_catalog.repeat('x', 10000)::bytea FROM pg_catalog.generate_series(1, 20000) i")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		n, want := 0, bytes.Repeat([]byte("x"), 10000)
		for rows.Next() {
			var i int
			var raw pgtype.DriverBytes
			if err := rows.Scan(&i, &raw); err != nil {
				t.Fatal(err)
			}
			if n++; i != n || !bytes.Equal(raw, want) {
				t.Fatalf("row %d is wrong", n)
			}
		}
		if rows.Err() != nil || n != 20000 {
			t.Errorf("%d rows, %v", n, rows.Err())
		}
	})
}

// Rows that are closed early free their connection, which then serves others.
func TestRowsClosedEarly(t *testing.T) {
	t.Parallel()
	config := modes["named"]
	config.MaxConns = 1
	db := open(t, config)
	q := bind(t, db.DB, db.Tenants[0])
	for range 3 {
		rows, err := q.Query(t.Context(), "SELECT i FROM pg_catalog.generate_series(1, 100000) i")
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		rows.Close()
		if rows.Err() != nil || rows.Next() {
			t.Error("rows go on after Close", rows.Err())
		}
	}
}
