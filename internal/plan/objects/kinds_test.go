package objects_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint/fingerprinttest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

var update = flag.Bool("update", false, "write the golden file of kinds again")

const golden = "testdata/kinds.txt"

// TestKinds plans every kind of change there and back, and makes what it leads to
// in an empty schema. What is planned and what is refused stands in the golden
// file with the statements and the sentences.
func TestKinds(t *testing.T) {
	t.Parallel()
	kinds := fingerprinttest.Kinds(15)
	if len(kinds) < 110 {
		t.Errorf("only %d kinds", len(kinds))
	}
	texts := make([]string, len(kinds))
	t.Cleanup(func() { compare(t, texts) })
	urls := tenanttest.Database(t)
	owner, super := open(t, urls.OwnerURL), open(t, urls.SuperURL)
	for i, k := range kinds {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			if texts[i] = tryKind(t, owner, k); texts[i] == "" {
				texts[i] = tryKind(t, super, k)
			}
		})
	}
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// compare is after all of the kinds.
func compare(t *testing.T, texts []string) {
	t.Helper()
	if slices.Contains(texts, "") {
		return // only some were asked for, or failed
	}
	got := strings.Join(texts, "\n")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Error(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), got); diff != "" || err != nil {
		t.Errorf("%v; run with -update and read the difference\n%s", err, diff)
	}
}

// tryKind tells what comes of a kind of change. It is nothing when whoever is
// connected is not allowed to make it.
func tryKind(t *testing.T, pool *pgxpool.Pool, k fingerprinttest.Kind) string {
	t.Helper()
	pooled, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Release()
	conn := pooled.Conn()
	var text strings.Builder
	fmt.Fprintf(&text, "== %s: %s\n", k.Family, k.Name)
	to, ok := thereAndBack(t, conn, k, &text)
	if !ok || k.OrderOnly {
		return text.String()
	}
	empty := enter(t, conn)
	defer empty.leave()
	clone := empty.reach(empty.objects(), to)
	clone.done = []string{}
	report(t, &text, "clone", clone)
	return text.String()
}

func thereAndBack(t *testing.T, conn *pgx.Conn, k fingerprinttest.Kind, text *strings.Builder) (to []fingerprint.Object, ok bool) {
	t.Helper()
	w := enter(t, conn)
	defer w.leave()
	if !w.prepare(fingerprinttest.Base + k.Base) {
		text.Reset()
		return nil, false
	}
	from := w.objects()
	changed, err := w.tx.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !w.prepare(k.Change) {
		text.Reset()
		return nil, false
	}
	to = w.objects()
	if k.OrderOnly {
		return to, true
	}
	back := w.reach(to, from)
	if err := changed.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	report(t, text, "there", w.reach(from, to))
	report(t, text, "back", back)
	return to, true
}

// prepare runs what makes or changes a world, if whoever is connected may do so.
func (w world) prepare(script string) bool {
	w.Helper()
	_, err := w.tx.Exec(w.Context(), fingerprinttest.For(w.schema, script))
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return false
	}
	if err != nil {
		w.Fatal(err)
	}
	return true
}

func report(t *testing.T, text *strings.Builder, way string, a attempt) {
	t.Helper()
	fmt.Fprintf(text, "%s: %s\n", way, a.outcome())
	lines := slices.Concat(a.refused, a.stuck)
	if way != "clone" && len(lines) > 0 {
		t.Log(way, lines, a.done)
	}
	if len(lines) == 0 {
		if lines = a.done; lines == nil {
			t.Errorf("%s: nothing was to be done", way)
		}
	}
	for _, line := range lines {
		fmt.Fprintf(text, "    %s\n", strings.ReplaceAll(line, "\n", "\n    "))
	}
}
