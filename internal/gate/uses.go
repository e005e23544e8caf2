package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// columns tells, by schema.table.column, which column of which table that is: one
// that was renamed keeps that, another one that takes its name does not.
type columns map[string]string

// dependencies are the tables' columns that a function depends on, those below views
// too. A column that is generated comes filled.
const dependencies = `
WITH RECURSIVE used (classid, objid) AS (
	SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, p.oid FROM pg_catalog.pg_proc AS p
	WHERE p.proname = '` + prepared + `' AND p.pronamespace = $1::pg_catalog.regnamespace
	UNION
	SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, w.oid FROM used AS u
	JOIN pg_catalog.pg_depend AS d ON (d.classid, d.objid) = (u.classid, u.objid) AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
	JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = d.refobjid AND w.rulename = '_RETURN'
)
SELECT DISTINCT d.refobjid::pg_catalog.regclass::text || '.' || a.attname, a.attrelid || '.' || a.attnum
FROM used AS u
JOIN pg_catalog.pg_depend AS d ON (d.classid, d.objid) = (u.classid, u.objid) AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
JOIN pg_catalog.pg_class AS c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0 AND a.attgenerated = ''`

// uses asks PostgreSQL what a statement depends on, by a function that it is the
// body of. What can't be one is not known.
func (l *looker) uses(ctx context.Context, s tenant.Statement, v verdict) (columns, error) {
	pg := l.conn.PgConn()
	if _, err := pg.Exec(ctx, "SAVEPOINT gate").ReadAll(); err != nil {
		return nil, err
	}
	found := columns{}
	_, err := pg.Exec(ctx, fmt.Sprintf("CREATE FUNCTION %s.%s(%s) RETURNS void LANGUAGE sql BEGIN ATOMIC %s\n; END",
		tenant.QuoteIdent(l.schema), prepared, strings.Join(v.types[:v.params], ", "), s.SQL)).ReadAll()
	if _, refused := errors.AsType[*pgconn.PgError](err); err != nil && !refused {
		return nil, err
	}
	if err == nil {
		rows, err := l.conn.Query(ctx, dependencies, pgx.QueryExecModeExec, tenant.QuoteIdent(l.schema))
		if err != nil {
			return nil, err
		}
		var name, column string
		if _, err := pgx.ForEachRow(rows, []any{&name, &column}, func() error {
			found[name] = column
			return nil
		}); err != nil {
			return nil, err
		}
	}
	_, err = pg.Exec(ctx, "ROLLBACK TO gate; RELEASE gate").ReadAll()
	return found, err
}

// replaced says which columns of a statement are others than before. It still
// works, and finds nothing there, or writes what is overwritten when the new one is
// filled.
func replaced(before, after verdict) (change, mend string) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(before.uses)) {
		if now := after.uses[name]; now != "" && now != before.uses[name] {
			names = append(names, name)
		}
	}
	if names == nil {
		return "", ""
	}
	return fmt.Sprintf("another column takes the name of %s, which it uses, before the plan is done", strings.Join(names, ", ")), expandReplaced
}

const expandReplaced = "expand and contract: give the new column a name of its own, deploy a release that uses it, and drop the old one once that release is gone; " +
	"or let the plan's last step do all of it in one transaction"
