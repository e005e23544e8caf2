package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// misplaced are attacks 12, 18 and 35 through the service: the schema of the spare
// tenant is gone, is ahead of the code, does not fit it. All is put back after.
func (c *campaign) misplaced(ctx context.Context) (err error) {
	numbers, why := []int{12, 18, 35}, ""
	spare, idErr := tenant.ParseID(c.tenantOf(c.Spare))
	switch served := c.as(ctx, c.Spare, c.witness); {
	case c.OwnerURL == "" || c.Spare.Host == "" || idErr != nil:
		why = "needs a spare tenant and the owner role's connection string: Target.Spare.Host, Target.Spare.Token and Target.OwnerURL"
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
	m := &mover{campaign: c, conn: conn, schema: tenant.Tenant{ID: spare}.Schema()}
	for _, try := range []struct {
		attack int
		run    func(context.Context) error
	}{{35, m.unfit}, {18, m.ahead}, {12, m.gone}} {
		if !c.wants(try.attack) {
			continue
		}
		if err := try.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mover changes what is in the database, and changes it back.
type mover struct {
	*campaign

	conn *pgx.Conn
	// schema is the spare tenant's.
	schema string
}

// eachColumn names each column of the spare tenant's {name}.
const eachColumn = `DO $do$ DECLARE c record; BEGIN
	FOR c IN SELECT relname, attname FROM pg_catalog.pg_class t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
		WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped LOOP
		EXECUTE format('ALTER TABLE %I.%I RENAME COLUMN %I TO %I', '{schema}', c.relname, c.attname, {name});
	END LOOP;
END $do$`

func (m *mover) rename(to string) string {
	return strings.NewReplacer("{schema}", m.schema, "{name}", to).Replace(eachColumn)
}

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

// ahead is attack 18: statements that servers have prepared meet a schema whose
// columns are of other types, and the one of before.
func (m *mover) ahead(ctx context.Context) error {
	w, why := m.watch(ctx, m.Spare)
	if why != "" {
		m.skip(18, "tenants of two versions ask at once", why)
		return nil
	}
	retyped, err := m.retype(ctx)
	if err != nil {
		return err
	}
	w.trial(ctx, 18, "tenants of two versions ask at once, "+plural(len(retyped), "column", "columns")+" apart")
	for _, column := range retyped {
		if _, err := m.conn.Exec(context.WithoutCancel(ctx), column+" text"); err != nil {
			return fmt.Errorf("put the spare tenant's columns back: %w", err)
		}
	}
	w.trial(ctx, 18, "the same once they are of one version again")
	w.remain(ctx, 18, "the tenants after that")
	return nil
}

// retype makes varchar of the spare tenant's columns of text, and returns by which
// statements, without the type. Columns on which something hangs stay.
func (m *mover) retype(ctx context.Context) (done []string, err error) {
	rows, err := m.conn.Query(ctx, `
		SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I TYPE', $1::text, relname, attname)
		FROM pg_catalog.pg_class t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
		WHERE relnamespace = $1::text::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
		  AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND atttypid = 'pg_catalog.text'::regtype
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_partitioned_table k WHERE k.partrelid = t.oid AND a.attnum = ANY (k.partattrs::int2[]))
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_attrdef g ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND g.oid = d.objid
			WHERE d.refobjid = t.oid AND d.refobjsubid = a.attnum AND (g.adnum <> a.attnum
			  OR d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_policy'::regclass)))`, m.schema)
	if err != nil {
		return nil, fmt.Errorf("list the spare tenant's columns: %w", err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the spare tenant's columns: %w", err)
	}
	for _, column := range columns {
		if _, err := m.conn.Exec(ctx, column+" varchar"); err != nil {
			return done, fmt.Errorf("change the spare tenant's columns: %w", err)
		}
		done = append(done, column)
	}
	return done, nil
}

// unfit is attack 35: the schema is not the one that the code was made for.
func (m *mover) unfit(ctx context.Context) error {
	there := m.rename("'x' || left(c.attname, 62)")
	back := m.rename("substr(c.attname, 2)")
	return m.change(ctx, there, back, func() {
		m.lists(func(op *operation) {
			got := m.as(ctx, m.Spare, op)
			m.judgeAt(op, 35, "a schema that the code was not made for", op.String()+" at "+m.Spare.Host, got.String(), got.is(http.StatusServiceUnavailable), "503")
		})
	})
}

// lists goes through all lists of a tenant.
func (m *mover) lists(each func(*operation)) {
	for _, op := range m.doc.operations {
		if op.method == http.MethodGet && op.secured && op.tenants && len(op.pathParams()) == 0 {
			each(op)
		}
	}
}
