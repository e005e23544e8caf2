package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier begins transactions: a *pgx.Conn, a *pgxpool.Pool, or a transaction,
// in which what it has done itself is seen too and which keeps its settings.
type Querier interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

const (
	// maxSchemas and maxRelations bound what is read in one transaction.
	// PostgreSQL's functions that give a view's or a rule's text lock all tables
	// that it names until the transaction ends, and locks are few.
	maxSchemas   = 100
	maxRelations = 2000
	// attempts bound how often a batch is read again because something was
	// dropped while it was being read, or was locked for longer than lock_timeout.
	attempts = 5
	// pause is what passes at least before the second attempt.
	pause = 50 * time.Millisecond
)

// settings hold for the transaction only, and make texts of the catalogs equal
// on all servers, whatever the role, the database or the connection say.
const settings = `
SET LOCAL search_path = '';
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 3;
SET LOCAL bytea_output = 'hex';
SET LOCAL xmlbinary = 'base64';
SET LOCAL lc_monetary = 'C';
SET LOCAL quote_all_identifiers = off;
SET LOCAL standard_conforming_strings = on;
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL random_page_cost = 1;
SET LOCAL work_mem = '64MB';
SET LOCAL lock_timeout = '1s';
`

// few is up to how many schemas a plan that knows nothing of them will do. For
// one schema, making a plan takes longer than running it.
const few = 3

// begin is what a transaction that reads n schemas begins with. One that is part
// of another can't be REPEATABLE READ, and need not.
func begin(q Querier, n int) string {
	set := settings + "SET LOCAL plan_cache_mode = force_custom_plan"
	if n <= few {
		set = settings + "SET LOCAL plan_cache_mode = force_generic_plan"
	}
	if _, part := q.(pgx.Tx); part {
		return set
	}
	return "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;" + set
}

// part is a schema as the survey found it.
type part struct {
	name                        string
	schema                      uint32
	relations, types, functions []uint32
}

// States reads the states of schemas, at most a hundred in one transaction. Those
// that don't exist are not in the map.
func States(ctx context.Context, q Querier, schemas []string) (map[string]State, error) {
	all := make(map[string]State, len(schemas))
	parts, err := look(ctx, q, schemas)
	if err != nil {
		return nil, err
	}
	for _, b := range batches(parts, 1) {
		if err := readBatch(ctx, q, b, func(s State) { all[s.Schema] = s }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// OfTx reads the state of a schema within a transaction, which may have made it.
func OfTx(ctx context.Context, tx pgx.Tx, schema string) (State, error) {
	states, err := States(ctx, tx, []string{schema})
	if err != nil {
		return State{}, err
	}
	state, ok := states[schema]
	if !ok {
		return State{}, fmt.Errorf("read the structure of %s: there is no such schema", schema)
	}
	return state, nil
}

// Objects reads what a schema is made of, in the order of kinds and names. There
// is nothing in it for a schema that doesn't exist.
func Objects(ctx context.Context, q Querier, schema string) ([]Object, error) {
	var all []Object
	err := inTx(ctx, q, func(tx pgx.Tx) error {
		parts, err := surveyed(ctx, tx, begin(q, 1), []string{schema})
		if err != nil || len(parts) == 0 {
			return err
		}
		all, err = objectsOf(ctx, tx, parts)
		return err
	})
	return all, failed(err, schema)
}

// look surveys the schemas in a transaction of its own.
func look(ctx context.Context, q Querier, schemas []string) (parts []part, err error) {
	err = inTx(ctx, q, func(tx pgx.Tx) error {
		parts, err = surveyed(ctx, tx, begin(q, len(schemas)), schemas)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for the schemas: %w", err)
	}
	return parts, nil
}

func readBatch(ctx context.Context, q Querier, b []part, yield func(State)) error {
	err := inTx(ctx, q, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, begin(q, len(b))); err != nil {
			return err
		}
		return statesOf(ctx, tx, b, yield)
	})
	if len(b) > 1 {
		return failed(err, fmt.Sprintf("%s and %d more", b[0].name, len(b)-1))
	}
	return failed(err, b[0].name)
}

// inTx runs fn in a transaction that is rolled back, since it has changed
// nothing, and does so again when something was dropped or locked meanwhile.
func inTx(ctx context.Context, q Querier, fn func(tx pgx.Tx) error) error {
	for n := 1; ; n++ {
		tx, err := q.Begin(ctx)
		if err != nil {
			return err
		}
		err = errors.Join(fn(tx), tx.Rollback(context.WithoutCancel(ctx)))
		if n == attempts || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(time.Duration(n) * (pause + rand.N(pause))):
		}
	}
}

// passing tells whether an error may be gone at the next attempt: a lock that
// somebody holds, or an object that was dropped while it was read, which
// PostgreSQL's own functions call an internal error or an undefined object.
func passing(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch pg.Code {
	case "55P03", "40P01", "40001", "XX000", "42P01", "42883", "42704", "42703", "3F000":
		return true
	}
	return false
}

func surveyed(ctx context.Context, tx pgx.Tx, set string, schemas []string) ([]part, error) {
	if _, err := tx.Exec(ctx, set); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, survey, schemas)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p part, err error) {
		err = row.Scan(&p.name, &p.schema, &p.relations, &p.types, &p.functions)
		return p, err
	})
}

// batches cuts the schemas into those that are read in one transaction, so that
// as many readers have as much to do each.
func batches(parts []part, readers int) [][]part {
	n := len(cut(parts, maxSchemas))
	n = (n + readers - 1) / readers * readers
	return cut(parts, max(few, (len(parts)+n-1)/max(n, 1)))
}

// cut makes batches of at most so many schemas, and of no more than maxRelations.
func cut(parts []part, most int) [][]part {
	var all [][]part
	first, relations := 0, 0
	for i, p := range parts {
		if i > first && (i-first == most || relations+len(p.relations) > maxRelations) {
			all = append(all, parts[first:i])
			first, relations = i, 0
		}
		relations += len(p.relations)
	}
	if first < len(parts) {
		all = append(all, parts[first:])
	}
	return all
}

func arguments(parts []part) []any {
	schemas := make([]uint32, 0, len(parts))
	var relations, types, functions []uint32
	for _, p := range parts {
		schemas = append(schemas, p.schema)
		relations = append(relations, p.relations...)
		types = append(types, p.types...)
		functions = append(functions, p.functions...)
	}
	return []any{schemas, relations, types, functions}
}

func statesOf(ctx context.Context, tx pgx.Tx, parts []part, yield func(State)) error {
	rows, err := tx.Query(ctx, states, arguments(parts)...)
	if err != nil {
		return err
	}
	var s State
	_, err = pgx.ForEachRow(rows, []any{&s.Schema, &s.Fingerprint, &s.Order, &s.Objects}, func() error {
		s.Fingerprint = form + s.Fingerprint
		yield(s)
		return nil
	})
	return err
}

func failed(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read the structure of %s: %w", what, err)
}
