package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Contents is what a tenant's schema holds.
type Contents struct {
	// Tables are those with rows of their own; a partitioned one counts by its
	// partitions.
	Tables int `json:"tables"`
	// Rows is PostgreSQL's estimate. Tables that were never analysed count by
	// their statistics, if there are any.
	Rows int64 `json:"rows"`
	// Bytes are those on disk, with indexes and TOAST.
	Bytes int64 `json:"bytes"`
}

// Contents tells how much a tenant has, before somebody removes it. It reads the
// catalogs, and no row of the tenant's. A tenant without a schema has nothing.
func (c *Catalog) Contents(ctx context.Context, ref Ref) (n Contents, err error) {
	r, err := c.Find(ctx, ref)
	if err != nil {
		return n, err
	}
	rows, err := c.pool.Query(ctx, `
		SELECT count(*), coalesce(sum(CASE WHEN r.reltuples >= 0 THEN r.reltuples ELSE coalesce(s.n_live_tup, 0) END), 0)::bigint,
		       coalesce(sum(pg_catalog.pg_total_relation_size(r.oid)), 0)::bigint
		FROM pg_catalog.pg_class AS r JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
		LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = r.oid
		WHERE n.nspname = $1 AND r.relkind IN ('r', 'm')`, r.Schema)
	if err == nil {
		n, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Contents])
	}
	return n, wrap(err, "measure "+ref.String())
}
