package attack

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
)

// gone is attack 12: there is no schema, and public has all that was in it, with the
// rights. Who looks in public finds rows there; what public has of these names
// already stays, and so does what the schema has of them.
func (m *mover) gone(ctx context.Context) error {
	moved, err := m.objects(ctx)
	if err != nil {
		return err
	}
	if err := m.move(ctx, moved, "public", "ALTER SCHEMA "+m.schema+" RENAME TO attack_12"); err != nil {
		return fmt.Errorf("take the spare tenant's schema away: %w", err)
	}
	m.lists(func(op *operation) {
		got := m.as(ctx, m.Spare, op)
		m.judgeAt(op, 12, "a schema that is missing, and public has what was in it", op.String()+" at "+m.Spare.Host, got.String(),
			got.is(http.StatusNotFound, http.StatusServiceUnavailable), "an error, 503")
	})
	if err := m.move(context.WithoutCancel(ctx), moved, "attack_12", "ALTER SCHEMA attack_12 RENAME TO "+m.schema); err != nil {
		return fmt.Errorf("put the spare tenant's schema back: %w", err)
	}
	return m.served(ctx)
}

// object is one that can have another schema.
type object struct {
	Kind, Reg string
	OID       uint32
}

// objects are those of the spare tenant's schema that public has no others of the same names of.
// What belongs to a table, such as its indexes and sequences, goes with it.
func (m *mover) objects(ctx context.Context) ([]object, error) {
	rows, err := m.conn.Query(ctx, `
		SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind, 'regclass' AS reg, oid
		FROM pg_catalog.pg_class c
		WHERE relnamespace = $1::text::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class o WHERE o.relnamespace = 'public'::regnamespace AND o.relname = c.relname)
		UNION ALL
		SELECT 'TYPE', 'regtype', oid FROM pg_catalog.pg_type t
		WHERE typnamespace = $1::text::regnamespace AND typtype IN ('e', 'd', 'r')
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type o WHERE o.typnamespace = 'public'::regnamespace AND o.typname = t.typname)
		UNION ALL
		SELECT 'ROUTINE', 'regprocedure', oid FROM pg_catalog.pg_proc p
		WHERE pronamespace = $1::text::regnamespace AND prokind IN ('f', 'p')
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc o WHERE o.pronamespace = 'public'::regnamespace AND o.proname = p.proname)`, m.schema)
	if err != nil {
		return nil, fmt.Errorf("list what the spare tenant has: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[object])
	if err != nil {
		return nil, fmt.Errorf("list what the spare tenant has: %w", err)
	}
	return found, nil
}

// move brings objects to a schema and runs a statement, in one transaction.
func (m *mover) move(ctx context.Context, list []object, schema, then string) error {
	return pgx.BeginFunc(ctx, m.conn, func(tx pgx.Tx) error {
		for _, o := range list {
			var sql string
			err := tx.QueryRow(ctx, "SELECT pg_catalog.format('ALTER %s %s SET SCHEMA %s', $1::text, $2::oid::"+o.Reg+", $3::text)", o.Kind, o.OID, schema).Scan(&sql)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
		}
		_, err := tx.Exec(ctx, then)
		return err
	})
}
