package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// The runtime role is a member of every tenant's role, so whoever makes another one
// that opens all tenants to it. It is kept in the ledger from the first installation
// on, and nothing here makes another role a member.

// runtimeMembers are the roles that are members of the roles of this database's
// tenants, but for the owner's.
const runtimeMembers = `
	SELECT DISTINCT r.rolname::text FROM pg_catalog.pg_auth_members AS m
	JOIN pg_catalog.pg_roles AS r ON r.oid = m.member JOIN pg_catalog.pg_roles AS of ON of.oid = m.roleid
	JOIN public.tenants AS t ON of.rolname = 't_' || pg_catalog.replace(t.id::text, '-', '')
	WHERE NOT r.rolsuper AND r.rolname <> current_user ORDER BY 1`

// checkRuntime refuses to work for another runtime role than the kept one. Where
// none is kept yet, by an earlier version, the one that tenants are open to counts.
func (c *Catalog) checkRuntime(ctx context.Context, tx pgx.Tx) (kept string, err error) {
	role := c.config.RuntimeRole
	if kept, err = metaOf(ctx, tx, metaRuntime); err != nil || kept == role {
		return kept, err
	}
	if kept != "" {
		return kept, otherRuntime(role, kept)
	}
	if there, err := hasTable(ctx, tx, "public.tenants"); err != nil || !there {
		return "", err
	}
	rows, err := tx.Query(ctx, runtimeMembers)
	if err != nil {
		return "", err
	}
	members, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(members) > 0 && !slices.Contains(members, role) {
		err = otherRuntime(role, strings.Join(members, ", "))
	}
	return "", err
}

func otherRuntime(role, kept string) error {
	return failf(tenant.CodeConflict,
		"the runtime role of this database is %s, and %s would get at all tenants: give DATABASE_URL of the service; "+
			"if the role is to be another one: UPDATE bailiwick.meta SET value = '%s' WHERE key = '%s'",
		kept, role, strings.ReplaceAll(role, "'", "''"), metaRuntime)
}

// keepRuntime notes the runtime role, the first time.
func (c *Catalog) keepRuntime(ctx context.Context, tx pgx.Tx) error {
	kept, err := c.checkRuntime(ctx, tx)
	if err != nil || kept != "" {
		return err
	}
	return setMeta(ctx, tx, metaRuntime, c.config.RuntimeRole)
}
