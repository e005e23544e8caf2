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
	m := &mover{campaign: c, conn: conn, schema: tenant.Tenant{ID: spare}.Schema()}
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

	conn *pgx.Conn
	// schema is the spare tenant's.
	schema string
}

// eachTable runs {ddl} for each table of the spare tenant's, and eachColumn names
// each of their columns {name}.
const (
	eachTable = `DO $do$ DECLARE c record; BEGIN
		FOR c IN SELECT relname FROM pg_catalog.pg_class
			WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition LOOP
			EXECUTE format('{ddl}', '{schema}', c.relname);
		END LOOP;
	END $do$`
	eachColumn = `DO $do$ DECLARE c record; BEGIN
		FOR c IN SELECT relname, attname FROM pg_catalog.pg_class t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
			WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped LOOP
			EXECUTE format('ALTER TABLE %I.%I RENAME COLUMN %I TO %I', '{schema}', c.relname, c.attname, {name});
		END LOOP;
	END $do$`
)

func (m *mover) ddl(each, what, is string) string {
	return strings.NewReplacer("{schema}", m.schema, what, is).Replace(each)
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

// ahead is attack 18: statements that servers have prepared meet a schema with more
// columns, and one without.
func (m *mover) ahead(ctx context.Context) error {
	w := m.watch(ctx, m.Spare)
	add := m.ddl(eachTable, "{ddl}", "ALTER TABLE %I.%I ADD COLUMN attack_18 text DEFAULT ''x''")
	drop := m.ddl(eachTable, "{ddl}", "ALTER TABLE %I.%I DROP COLUMN attack_18")
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
	there := m.ddl(eachColumn, "{name}", "'x' || left(c.attname, 62)")
	back := m.ddl(eachColumn, "{name}", "substr(c.attname, 2)")
	return m.change(ctx, there, back, func() {
		m.lists(ctx, 35, "a schema that the code was not made for", "503")
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
