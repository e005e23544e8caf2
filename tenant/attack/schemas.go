package attack

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// faults are what no schema may have, each as a query for names.
var faults = []struct {
	attack    int
	name, sql string
}{
	{19, "SECURITY DEFINER without a fixed path", `
		SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE p.prosecdef AND (n.nspname = 'public' OR n.nspname ~ '^t_[0-9a-f]{32}$')
		  AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) AS s WHERE s LIKE 'search_path=%')
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`},
	{21, "a foreign key across tenants", `
		SELECT c.conrelid::regclass || ' to ' || c.confrelid::regclass
		FROM pg_catalog.pg_constraint c
		JOIN pg_catalog.pg_class f ON f.oid = c.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
		JOIN pg_catalog.pg_class t ON t.oid = c.confrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
		WHERE c.contype = 'f' AND fn.oid <> tn.oid AND tn.nspname ~ '^t_[0-9a-f]{32}$'`},
	{21, "a view across tenants", `
		SELECT DISTINCT v.oid::regclass || ' on ' || t.oid::regclass
		FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
		JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
		JOIN pg_catalog.pg_class t ON t.oid = d.refobjid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
		WHERE v.relnamespace <> t.relnamespace AND tn.nspname ~ '^t_[0-9a-f]{32}$'`},
	{21, "a trigger across tenants", `
		SELECT g.tgname || ' on ' || g.tgrelid::regclass
		FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
		JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE NOT g.tgisinternal AND n.oid <> c.relnamespace AND n.nspname ~ '^t_[0-9a-f]{32}$'`},
}

// schemas looks for what attacks 19 and 21 need in the schemas that are there.
func (c *campaign) schemas(ctx context.Context) (err error) {
	if c.RuntimeURL == "" {
		c.skip(19, "functions of the owner's", "needs the runtime role's connection string: Target.RuntimeURL")
		c.skip(21, "objects across schemas", "needs the runtime role's connection string: Target.RuntimeURL")
		return nil
	}
	at, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.conn.Close(context.WithoutCancel(ctx))) }()
	for _, f := range faults {
		rows, err := at.conn.Query(ctx, f.sql)
		if err != nil {
			return fmt.Errorf("look for %s: %w", f.name, err)
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("look for %s: %w", f.name, err)
		}
		got := "there is none"
		if len(names) > 0 {
			got = fmt.Sprint(len(names), ", such as ", names[0])
		}
		c.judge(f.attack, f.name, "the system's catalogs", got, len(names) == 0, "none")
	}
	return nil
}
