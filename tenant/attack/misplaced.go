package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// misplaced are attacks 12, 18 and 35 through the service: the schema of the spare
// tenant is gone, is ahead of the code, does not fit it. All is put back after.
func (c *campaign) misplaced(ctx context.Context) (err error) {
	numbers, why := []int{12, 18, 35}, ""
	spare, idErr := tenant.ParseID(c.tenantOf(c.Spare))
	theirs, _ := tenant.ParseID(c.tenantOf(c.B))
	switch served := c.as(ctx, c.Spare, c.witness); {
	case c.OwnerURL == "" || c.Spare.Host == "" || idErr != nil:
		why = "needs a spare tenant and the owner role's connection string: Target.Spare and OwnerURL, --host-spare and --owner-url"
	case served.status != http.StatusOK:
		why = "the spare tenant is not served in the first place: " + served.String()
	}
	if why != "" {
		for _, n := range numbers {
			c.skip(n, "a schema that is not as it should be", why)
		}
		return nil
	}
	conn, err := c.asOwner(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	m := &mover{campaign: c, conn: conn, names: map[string]any{
		"spare": tenant.Tenant{ID: spare}.Schema(), "b": tenant.Tenant{ID: theirs}.Schema(),
	}}
	for _, try := range []func(context.Context) error{m.ahead, m.unfit, m.gone} {
		if err := try(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mover changes what is in the database, and changes it back.
type mover struct {
	*campaign

	conn  *pgx.Conn
	names map[string]any
}

// eachTable runs a statement for every table of the spare tenant's.
const eachTable = `DO $do$ DECLARE t record; BEGIN
	FOR t IN SELECT c.oid, c.relname FROM pg_catalog.pg_class c
		WHERE c.relnamespace = '%[1]s'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
		%[2]s
	END LOOP;
END $do$`

// eachColumn runs a statement for every column of a table.
const eachColumn = `DECLARE a record; BEGIN
	FOR a IN SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped LOOP
		%s
	END LOOP;
END;`

// change runs SQL, does what is to be done meanwhile, and runs what takes it back.
func (m *mover) change(ctx context.Context, there, back string, meanwhile func()) error {
	if _, err := m.conn.Exec(ctx, there); err != nil {
		return fmt.Errorf("change the spare tenant's schema: %w", err)
	}
	meanwhile()
	if _, err := m.conn.Exec(context.WithoutCancel(ctx), back); err != nil {
		return fmt.Errorf("put the spare tenant's schema back: %w", err)
	}
	return m.served(ctx)
}

// served waits until the spare tenant is served again.
func (m *mover) served(ctx context.Context) error {
	var got answer
	for begun := time.Now(); time.Since(begun) < m.Timeout; time.Sleep(50 * time.Millisecond) {
		if got = m.as(ctx, m.Spare, m.witness); got.status == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the spare tenant, whose schema is as it was, is not served any more: %s", got)
}

// ahead is attack 18: statements that servers have prepared meet a schema with more
// columns, and one without.
func (m *mover) ahead(ctx context.Context) error {
	w := m.watch(ctx, m.Spare)
	add := fmt.Sprintf(eachTable, m.names["spare"], fmt.Sprintf(`EXECUTE format('ALTER TABLE %%I.%%I ADD COLUMN attack_18 text DEFAULT ''x''', '%s', t.relname);`, m.names["spare"]))
	drop := fmt.Sprintf(eachTable, m.names["spare"], fmt.Sprintf(`EXECUTE format('ALTER TABLE %%I.%%I DROP COLUMN attack_18', '%s', t.relname);`, m.names["spare"]))
	err := m.change(ctx, add, drop, func() { w.trial(ctx, 18, "tenants of two versions ask at once") })
	if err != nil {
		return err
	}
	w.trial(ctx, 18, "the same once they are of one version again")
	w.remain(ctx, 18, "the tenants after that")
	return nil
}

// unfit is attack 35: the schema is not the one that the code was made for.
func (m *mover) unfit(ctx context.Context) error {
	rename := func(from, to string) string {
		return fmt.Sprintf(eachTable, m.names["spare"], fmt.Sprintf(eachColumn,
			fmt.Sprintf(`IF a.attname LIKE '%s%%' THEN EXECUTE format('ALTER TABLE %%I.%%I RENAME COLUMN %%I TO %%I', '%s', t.relname, a.attname, %s); END IF;`, from, m.names["spare"], to)))
	}
	there, back := rename("", "left('attack_' || a.attname, 63)"), rename("attack_", "substr(a.attname, 8)")
	return m.change(ctx, there, back, func() {
		m.lists(ctx, 35, "a schema that the code was not made for", "503")
	})
}

// gone is attack 12: there is no schema, and public has tables of the same names,
// which are B's.
func (m *mover) gone(ctx context.Context) error {
	schema, theirs := m.names["spare"], m.names["b"]
	there := fmt.Sprintf(eachTable, theirs, fmt.Sprintf(`IF to_regclass(format('public.%%I', t.relname)) IS NULL THEN
			EXECUTE format('CREATE VIEW public.%%I AS SELECT * FROM %%I.%%I', t.relname, '%[1]s', t.relname);
			EXECUTE format('COMMENT ON VIEW public.%%I IS ''attack suite''', t.relname);
			EXECUTE format('GRANT SELECT ON public.%%I TO PUBLIC', t.relname);
		END IF;`, theirs)) + fmt.Sprintf("; ALTER SCHEMA %s RENAME TO attack_12", schema)
	back := `DO $do$ DECLARE v record; BEGIN
		FOR v IN SELECT oid::pg_catalog.regclass AS name FROM pg_catalog.pg_class
			WHERE relnamespace = 'public'::pg_catalog.regnamespace AND relkind = 'v' AND pg_catalog.obj_description(oid, 'pg_class') = 'attack suite' LOOP
			EXECUTE 'DROP VIEW ' || v.name;
		END LOOP;
	END $do$` + fmt.Sprintf("; ALTER SCHEMA attack_12 RENAME TO %s", schema)
	return m.change(ctx, there, back, func() {
		m.lists(ctx, 12, "a schema that is missing, and public has tables of the same names", "an error")
	})
}

// lists asks for all lists of the spare tenant, none of which can be had.
func (m *mover) lists(ctx context.Context, attack int, name, want string) {
	for _, op := range m.doc.operations {
		if op.method == http.MethodGet && op.secured && op.tenants && len(op.pathParams()) == 0 {
			got := m.as(ctx, m.Spare, op)
			m.judgeAt(op, attack, name, op.String()+" at "+m.Spare.Host, got.String(), got.status >= http.StatusBadRequest && got.status != http.StatusInternalServerError, want)
		}
	}
}
