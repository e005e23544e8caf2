package objects_test

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/plan/objects"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// world is a schema that statements are tried in, as package plan does it, but
// without a transaction around all of them.
type world struct {
	*testing.T

	conn   *pgx.Conn
	schema string
}

// enter begins a world on a connection of its own.
func enter(t *testing.T, url, schema string) world {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), "SET search_path = "+tenant.QuoteIdent(schema)+", pg_temp"); err != nil {
		t.Fatal(err)
	}
	return world{t, conn, schema}
}

// bind puts the names into a statement that has placeholders for them.
func (w world) bind(statement string) string {
	schema := tenant.QuoteIdent(w.schema)
	return strings.NewReplacer(`"$schema"`, schema, `"$tenant"`, schema, `"$owner"`, devpg.OwnerRole, `"$runtime"`, devpg.RuntimeRole).Replace(statement)
}

func (w world) run(sql string) {
	w.Helper()
	if _, err := w.conn.Exec(w.Context(), w.bind(sql)); err != nil {
		w.Fatalf("%v\n%s", err, sql)
	}
}

func (w world) objects() []fingerprint.Object {
	w.Helper()
	all, err := fingerprint.Objects(w.Context(), w.conn, w.schema)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// try runs statements together, or not at all.
func (w world) try(statements []string) error {
	return pgx.BeginFunc(w.Context(), w.conn, func(tx pgx.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(w.Context(), w.bind(s)); err != nil {
				return err
			}
		}
		return nil
	})
}

// attempt is what came of an attempt to reach a state.
type attempt struct {
	done    []string // statements
	refused []string
	stuck   []string // changes that failed, with their errors
}

func (a attempt) outcome() string {
	switch {
	case len(a.refused) > 0:
		return "refused"
	case len(a.stuck) > 0:
		return "stuck"
	default:
		return "planned"
	}
}

// reach changes the schema until it has the objects.
func (w world) reach(want []fingerprint.Object) (a attempt) {
	w.Helper()
	for range 12 {
		now := w.objects()
		diff := fingerprint.Diff(now, want)
		if len(diff) == 0 {
			return a
		}
		changes := objects.Changes(diff, now, want)
		var stuck []string
		var blockers []fingerprint.Object
		progress := false
		for again := true; again; {
			again = false
			stuck, blockers = nil, nil
			changes = slices.DeleteFunc(changes, func(c objects.Change) bool {
				if c.Refused != "" {
					a.refused = append(a.refused, c.Refused)
					return true
				}
				done, err := w.change(c)
				if err != nil {
					stuck = append(stuck, string(c.Kind)+" "+c.Name+": "+err.Error())
					blockers = append(blockers, blocking(err, now)...)
					return false
				}
				a.done = append(a.done, done...)
				again, progress = true, true
				return true
			})
		}
		if !progress && len(a.refused) == 0 {
			progress = w.makeRoom(&a, changes, blockers)
		}
		if !progress {
			if a.stuck = stuck; len(stuck) == 0 {
				a.stuck = explain(diff)
			}
			return a
		}
	}
	w.Fatalf("no end: %v", explain(fingerprint.Diff(w.objects(), want)))
	return a
}

func explain(diff []fingerprint.Difference) (all []string) {
	for _, d := range diff {
		all = append(all, d.Explain())
	}
	return all
}

func (w world) change(c objects.Change) (done []string, err error) {
	if len(c.Alter) > 0 {
		if err = w.try(c.Alter); err == nil {
			return c.Alter, nil
		}
	}
	if remake := slices.Concat(c.Drop, c.Create); len(remake) > 0 {
		if again := w.try(remake); again != nil {
			return nil, cmp.Or(again, err)
		}
		return remake, nil
	}
	return nil, err
}

// makeRoom drops what stands in the way; it is made again in the next round.
func (w world) makeRoom(a *attempt, changes []objects.Change, blockers []fingerprint.Object) (progress bool) {
	drop := func(statements []string) {
		if len(statements) > 0 && w.try(statements) == nil {
			a.done = append(a.done, statements...)
			progress = true
		}
	}
	for _, o := range blockers {
		drop(objects.Drop(o))
	}
	for _, c := range changes {
		if len(c.Create) > 0 {
			drop(c.Drop)
		}
	}
	return progress
}

var dependent = regexp.MustCompile(`(?m)^(?:(rule _RETURN on )?(view|materialized view|function|procedure|aggregate|policy|trigger|rule|constraint|index) (.*?)(?: on (?:table|view|materialized view) (.*?))?|column (.*?) of table (.*?)|default value for column (.*?) of table (.*?)) depends on `)

// blocking are the objects that an error names as depending on another one.
func blocking(err error, now []fingerprint.Object) (all []fingerprint.Object) {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	for _, m := range dependent.FindAllStringSubmatch(pg.Detail, -1) {
		for _, o := range now {
			name := m[3]
			if m[4] != "" {
				name = m[4] + "." + m[3]
			}
			if string(o.Kind) == m[2] && o.Name == name {
				all = append(all, o)
			}
		}
	}
	return all
}
