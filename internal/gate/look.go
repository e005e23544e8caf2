package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
)

// verdict is what a statement finds in a world.
type verdict struct {
	// misfit says why its server would not use the schema at all.
	misfit string
	// refused says why it is not planned, with the SQLSTATE.
	refused, state string
	// types are those of parameters and columns, as the server has them.
	types []string
	// params is how many of them are parameters'.
	params int
	// unfilled are columns that have to be filled and that it leaves, nulls are
	// those that it may give a null. Both are table.column.
	unfilled, nulls []string
	// uses are the tables' columns that it reads or writes.
	uses columns
}

// errUndo ends a look, which must leave nothing.
var errUndo = errors.New("undo")

// look tries statements as the role that runs them, and leaves the world as it is.
func look(ctx context.Context, scope plan.Scope, w plan.World, statements []tenant.Statement) (verdicts []verdict, err error) {
	role := w.Schema
	if scope == plan.Public {
		role = w.Runtime
	}
	err = pgx.BeginFunc(ctx, w.Conn, func(tx pgx.Tx) error {
		_, err := w.Conn.PgConn().Exec(ctx, fmt.Sprintf("SET LOCAL search_path = %s, pg_temp; SET LOCAL plan_cache_mode = force_generic_plan",
			tenant.QuoteIdent(w.Schema))).ReadAll()
		if err != nil {
			return err
		}
		l := &looker{conn: w.Conn, schema: w.Schema}
		if l.required, err = loadRequired(ctx, tx, w.Schema); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SET LOCAL ROLE "+tenant.QuoteIdent(role)); err != nil {
			return err
		}
		if verdicts, err = l.all(ctx, statements); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "RESET ROLE"); err != nil {
			return err
		}
		for i, s := range statements {
			if verdicts[i].misfit != "" {
				continue
			}
			if verdicts[i].uses, err = l.uses(ctx, s, verdicts[i]); err != nil {
				return fmt.Errorf("query %s: %w", s.Name, err)
			}
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return nil, err
	}
	return verdicts, nil
}

type looker struct {
	conn     *pgx.Conn
	schema   string
	required required
}

func (l *looker) all(ctx context.Context, statements []tenant.Statement) ([]verdict, error) {
	misfits, err := tenant.Misfits(ctx, l.conn, l.schema, numbered(statements))
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(statements))
	for _, m := range misfits {
		i, err := strconv.Atoi(m.Statement)
		if err != nil {
			return nil, err
		}
		verdicts[i].misfit = m.Reason
	}
	for i, s := range statements {
		if verdicts[i].misfit != "" {
			continue
		}
		if err := l.plan(ctx, s, &verdicts[i]); err != nil {
			return nil, fmt.Errorf("query %s: %w", s.Name, err)
		}
		l.writes(s, &verdicts[i])
	}
	return verdicts, nil
}

// numbered gives statements their position for a name: releases share names.
func numbered(statements []tenant.Statement) []tenant.Statement {
	list := slices.Clone(statements)
	for i := range list {
		list[i].Name = strconv.Itoa(i)
	}
	return list
}

const prepared = "bailiwick_gate"

// plan plans a statement and starts its executor, which checks what parsing does
// not: privileges, and the index that ON CONFLICT needs.
func (l *looker) plan(ctx context.Context, s tenant.Statement, v *verdict) error {
	pg := l.conn.PgConn()
	if _, err := pg.Exec(ctx, "SAVEPOINT gate").ReadAll(); err != nil {
		return err
	}
	sd, err := pg.Prepare(ctx, prepared, s.SQL, nil)
	if err != nil {
		return err // It was prepared a moment ago.
	}
	if v.types, err = l.typeNames(ctx, sd); err != nil {
		return err
	}
	v.params = len(sd.ParamOIDs)
	sql := "EXPLAIN EXECUTE " + prepared
	if n := len(sd.ParamOIDs); n > 0 {
		sql += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	_, err = pg.Exec(ctx, sql).ReadAll()
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if err != nil && !ok {
		return err
	}
	// A null that a domain or a table refuses says nothing of the statement.
	if ok && refused.Code != "22004" && !strings.HasPrefix(refused.Code, "23") {
		v.refused, v.state = fmt.Sprintf("%s (SQLSTATE %s)", refused.Message, refused.Code), refused.Code
	}
	_, err = pg.Exec(ctx, "ROLLBACK TO gate; RELEASE gate; DEALLOCATE "+prepared).ReadAll()
	return err
}

// typeNames spells the types of a statement as the world's search_path does.
func (l *looker) typeNames(ctx context.Context, sd *pgconn.StatementDescription) ([]string, error) {
	oids := make([]string, 0, len(sd.ParamOIDs)+len(sd.Fields))
	for _, oid := range sd.ParamOIDs {
		oids = append(oids, strconv.FormatUint(uint64(oid), 10))
	}
	for _, f := range sd.Fields {
		oids = append(oids, strconv.FormatUint(uint64(f.DataTypeOID), 10))
	}
	rows, err := l.conn.Query(ctx, `SELECT pg_catalog.format_type(oid, NULL) FROM pg_catalog.unnest($1::pg_catalog.text::pg_catalog.oid[])
		WITH ORDINALITY AS t (oid, n) ORDER BY n`, pgx.QueryExecModeExec, "{"+strings.Join(oids, ",")+"}")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// compare says what a statement loses, and the way round.
func compare(s tenant.Statement, before, after verdict) (change, mend string) {
	switch {
	case before.misfit != "" || before.refused != "":
		return "", ""
	case after.misfit != "":
		return after.misfit, mendMisfit(after.misfit)
	case after.refused != "":
		return after.refused, mendRefused(after.state)
	}
	if changed := retyped(s, before.types, after.types); changed != "" {
		return changed, expandType
	}
	if found := added(before.unfilled, after.unfilled); len(found) > 0 {
		return "it does not fill " + strings.Join(found, ", ") + ", which would be NOT NULL without a default",
			"give the column a DEFAULT or let it be null until that release is gone"
	}
	if found := added(before.nulls, after.nulls); len(found) > 0 {
		return "it may write NULL to " + strings.Join(found, ", ") + ", which would be NOT NULL",
			"deploy a release first whose query can't, by sqlc.arg('x')::type in place of a nullable parameter or by coalesce, and set NOT NULL once that release is gone"
	}
	return "", ""
}

// retyped compares the types of which the release does not say what they may be.
func retyped(s tenant.Statement, before, after []string) string {
	for i, name := range slices.Concat(s.Params, s.Columns) {
		if name == "" && i < len(before) && i < len(after) && before[i] != after[i] {
			what := fmt.Sprintf("parameter $%d", i+1)
			if i >= len(s.Params) {
				what = fmt.Sprintf("column %d", i-len(s.Params)+1)
			}
			return fmt.Sprintf("%s would be %s, and is %s", what, after[i], before[i])
		}
	}
	return ""
}

func added(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(name string) bool { return slices.Contains(before, name) })
}

const (
	expand = "expand and contract: add the new beside the old, deploy a release whose queries need the old no more, " +
		"and take the old away once that release is gone (`bailiwick schema status` shows which run)"
	expandType = "expand and contract: add a column of the new type beside the old, deploy a release that reads and writes both, " +
		"fill it, and drop the old one once that release is gone"
)

func mendMisfit(reason string) string {
	switch {
	case strings.Contains(reason, "can be null"):
		return "keep it NOT NULL until that release is gone, or deploy a release first that reads it as nullable"
	case strings.Contains(reason, "SQLSTATE"):
		return expand
	}
	return expandType
}

func mendRefused(state string) string {
	switch state {
	case "42P10":
		return "make the new constraint or index beside the old one, and drop that once the release is gone"
	case "42501":
		return "keep the grant until that release is gone"
	}
	return expand
}
