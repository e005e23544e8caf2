package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// lockModes are PostgreSQL's, from those that nobody notices to the one that
// everybody does.
var lockModes = []string{
	"ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", weakestScan,
	"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE",
}

// weakestScan is what VALIDATE CONSTRAINT and CREATE INDEX CONCURRENTLY take:
// readers and writers go on.
const weakestScan = "SHARE UPDATE EXCLUSIVE"

// noticed is the weakest mode that is worth a word: those below stop nothing
// but what is ACCESS EXCLUSIVE itself.
const noticed = 2

// relation is what a lockWatch knows of a table.
type relation struct {
	name  string
	node  uint32 // its file: another one means that it was written anew
	scans int64  // of all its rows, in this transaction
	mode  int    // the strongest lock that is held; -1 for none
}

// lockWatch tells what each statement of a step does to tables that were there
// before: which lock it takes, and whether it reads or rewrites them. It asks
// PostgreSQL instead of foretelling: what a statement does depends on the types,
// casts and functions that it meets, and an empty clone shows the same as a full
// table. A nil one watches nothing.
type lockWatch struct {
	World

	last  map[uint32]relation
	known map[uint32]relation // the tables that were there before
	found []Lock
}

// The modes are as pg_locks spells them, "AccessExclusiveLock".
const relationsSQL = `
	SELECT c.oid, CASE WHEN n.nspname = $1 THEN quote_ident(c.relname)
	                   ELSE quote_ident(n.nspname) || '.' || quote_ident(c.relname) END,
	       c.relfilenode, coalesce(pg_stat_get_xact_numscans(c.oid), 0),
	       coalesce((SELECT max(array_position($2::text[], l.mode))
	                 FROM pg_locks l
	                 WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.relation = c.oid AND l.granted), 0) - 1
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ($1, 'public') AND c.relkind IN ('r', 'p', 'm')`

var lockWords = []string{
	"AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock",
	"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
}

// watch begins before the first statement of a step, in its transaction.
func (w World) watch(ctx context.Context, s Step) (watch *lockWatch, err error) {
	if w.locks == nil {
		return nil, nil //nolint:nilnil // As documented.
	}
	watch = &lockWatch{World: w}
	if s.Kind != Outside {
		watch.last, err = w.relations(ctx)
		watch.known = watch.last
		return watch, err
	}
	for _, statement := range s.Statements {
		locks, err := w.outsideLocks(ctx, statement)
		if err != nil {
			return nil, err
		}
		watch.found = append(watch.found, locks...)
	}
	return watch, nil
}

// relations reads the tables of the schema and of public.
func (w World) relations(ctx context.Context) (map[uint32]relation, error) {
	rows, err := w.Conn.Query(ctx, relationsSQL, w.Schema, lockWords)
	if err != nil {
		return nil, fmt.Errorf("plan: read the locks: %w", err)
	}
	all := map[uint32]relation{}
	var oid uint32
	var r relation
	_, err = pgx.ForEachRow(rows, []any{&oid, &r.name, &r.node, &r.scans, &r.mode}, func() error {
		all[oid] = r
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("plan: read the locks: %w", err)
	}
	return all, nil
}

// after notes what the statement that has just run did. A lock that an earlier
// one holds already is not said again.
func (w *lockWatch) after(ctx context.Context, statement string) error {
	if w == nil || w.last == nil {
		return nil
	}
	now, err := w.relations(ctx)
	if err != nil {
		return err
	}
	var locks []Lock
	for oid := range w.known {
		before, there := w.last[oid]
		if !there {
			continue // Dropped earlier.
		}
		r, still := now[oid]
		if !still {
			r = before
			r.mode = len(lockModes) - 1
		}
		rewrite := r.node != before.node
		scan := rewrite || r.scans > before.scans && r.mode > noticed
		if scan || r.mode > before.mode && r.mode >= noticed {
			locks = append(locks, Lock{Table: before.name, Mode: lockModes[r.mode], Statement: statement, Rewrite: rewrite, Scan: scan})
		}
	}
	slices.SortFunc(locks, func(a, b Lock) int { return cmp.Compare(a.Table, b.Table) })
	w.found, w.last = append(w.found, locks...), now
	return nil
}

// done hands over what was found in a step that has succeeded.
func (w *lockWatch) done() {
	if w != nil {
		*w.locks = append(*w.locks, w.found...)
	}
}

// outsideLocks tells of a statement that runs outside of transactions, before it
// does: what PostgreSQL's manual says of it, since its locks come and go.
func (w World) outsideLocks(ctx context.Context, statement string) ([]Lock, error) {
	tree, err := lint.Parse(statement)
	if err != nil {
		return nil, fmt.Errorf("plan: %s: %w", statement, err)
	}
	var locks []Lock
	for _, s := range tree.GetStmts() {
		switch n := s.GetStmt(); {
		case n.GetIndexStmt().GetConcurrent():
			table, err := w.tableOf(ctx, n.GetIndexStmt().GetRelation().GetRelname())
			if err != nil {
				return nil, err
			}
			locks = append(locks, Lock{Table: table, Mode: weakestScan, Statement: statement, Scan: true})
		case n.GetDropStmt().GetConcurrent():
			for _, o := range n.GetDropStmt().GetObjects() {
				parts := o.GetList().GetItems()
				table, err := w.tableOf(ctx, parts[len(parts)-1].GetString_().GetSval())
				if err != nil {
					return nil, err
				}
				locks = append(locks, Lock{Table: table, Mode: weakestScan, Statement: statement})
			}
		}
	}
	return locks, nil
}

// tableOf is the table of this name, or else the one of the index of this name.
func (w World) tableOf(ctx context.Context, name string) (string, error) {
	rows, err := w.Conn.Query(ctx, `
		SELECT quote_ident(c.relname)
		FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
		LEFT JOIN pg_index i ON i.indexrelid = x.oid
		JOIN pg_class c ON c.oid = coalesce(i.indrelid, x.oid)
		WHERE n.nspname = $1 AND x.relname = $2`, w.Schema, name)
	if err == nil {
		var table string
		if table, err = pgx.CollectOneRow(rows, pgx.RowTo[string]); err == nil || errors.Is(err, pgx.ErrNoRows) {
			return table, nil
		}
	}
	return "", fmt.Errorf("plan: find the table of %s: %w", name, err)
}
