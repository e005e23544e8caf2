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

// world is a schema that statements are tried in, as package plan does it, within
// a transaction that is rolled back in the end.
type world struct {
	*testing.T

	tx     pgx.Tx
	schema string
	owner  string
}

// enter begins a world with an empty schema and a role of the same name. Whoever
// connects owns it.
func enter(t *testing.T, conn *pgx.Conn) world {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := world{T: t, tx: tx, schema: tenant.NewID().SchemaName()}
	if err := tx.QueryRow(t.Context(), "SELECT current_user").Scan(&w.owner); err != nil {
		t.Fatal(err)
	}
	if err := w.run(`CREATE ROLE "$tenant"; CREATE SCHEMA "$schema"; SET LOCAL search_path = "$schema", pg_temp`); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) leave() {
	if err := w.tx.Rollback(context.WithoutCancel(w.Context())); err != nil {
		w.Error(err)
	}
}

// bind puts the names into a statement that has placeholders for them.
func (w world) bind(statement string) string {
	schema := tenant.QuoteIdent(w.schema)
	return strings.NewReplacer(`"$schema"`, schema, `"$tenant"`, schema, `"$owner"`, w.owner, `"$runtime"`, devpg.RuntimeRole).Replace(statement)
}

func (w world) run(sql string) error {
	_, err := w.tx.Exec(w.Context(), w.bind(sql))
	return err
}

func (w world) objects() []fingerprint.Object {
	w.Helper()
	all, err := fingerprint.ObjectsTx(w.Context(), w.tx, w.schema)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// try runs statements together, or not at all.
func (w world) try(statements []string) error {
	return pgx.BeginFunc(w.Context(), w.tx, func(tx pgx.Tx) error {
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

// reach changes the schema, which is made of now, until it has the objects that
// are wanted, or nothing changes any more.
func (w world) reach(now, want []fingerprint.Object) (a attempt) {
	w.Helper()
	var last []fingerprint.Difference
	for round := 0; ; round++ {
		diff := fingerprint.Diff(now, want)
		if len(diff) == 0 {
			return attempt{done: a.done}
		}
		if slices.Equal(diff, last) || round == 12 {
			if len(a.refused)+len(a.stuck) == 0 {
				a.stuck = explain(diff)
			}
			return a
		}
		last = diff
		a.refused, a.stuck = nil, nil
		w.round(&a, objects.Changes(diff, now, want), now)
		now = w.objects()
	}
}

// round tries all changes until none succeeds, and then makes room.
func (w world) round(a *attempt, changes []objects.Change, now []fingerprint.Object) {
	var blockers []fingerprint.Object
	progress := false
	for again := true; again; {
		again = false
		a.stuck, blockers = nil, nil
		changes = slices.DeleteFunc(changes, func(c objects.Change) bool {
			if c.Refused != "" {
				a.refused = append(a.refused, c.Refused)
				return true
			}
			done, err := w.change(c)
			if err != nil {
				a.stuck = append(a.stuck, strings.TrimSpace(string(c.Kind)+" "+c.Name)+": "+err.Error())
				blockers = append(blockers, blocking(err, now)...)
				return false
			}
			a.done = append(a.done, done...)
			again, progress = true, true
			return true
		})
	}
	if !progress {
		w.makeRoom(a, changes, blockers)
	}
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
func (w world) makeRoom(a *attempt, changes []objects.Change, blockers []fingerprint.Object) {
	drop := func(statements []string) {
		if len(statements) > 0 && w.try(statements) == nil {
			a.done = append(a.done, statements...)
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
}

var dependent = regexp.MustCompile(`(?m)^(?:rule _RETURN on )?(view|materialized view|function|procedure|aggregate|policy|trigger|rule|constraint|index) (.*?)(?: on (?:table|view|materialized view) (.*?))? depends on `)

// blocking are the objects that an error names as depending on another one.
func blocking(err error, now []fingerprint.Object) (all []fingerprint.Object) {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	for _, m := range dependent.FindAllStringSubmatch(pg.Detail, -1) {
		name := m[2]
		if m[3] != "" {
			name = m[3] + "." + name
		}
		i := slices.IndexFunc(now, func(o fingerprint.Object) bool { return string(o.Kind) == m[1] && o.Name == name })
		if i >= 0 {
			all = append(all, now[i])
		}
	}
	return all
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
