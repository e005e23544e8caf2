package billing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// Count counts what a limit is about, as the tenant itself.
type Count func(ctx context.Context, q *tenant.Querier) (int64, error)

// Limits are those of the tenants' plans, for rest.Options: each is a column of
// public.plans, of which NULL is no limit, with what counts towards it. db works as
// the runtime role.
func Limits(db *tenant.DB, counts map[string]Count) map[string]func(context.Context) (*rest.Limit, error) {
	limits := map[string]func(context.Context) (*rest.Limit, error){}
	for name, count := range counts {
		limits[name] = func(ctx context.Context) (*rest.Limit, error) { return allowed(ctx, db, name, count) }
	}
	return limits
}

// CheckLimits refuses counts of what plans can't limit in this database: those whose
// name is no column of public.plans, of a type of integers. Each request for such a
// limit would fail. db works as the runtime role.
func CheckLimits(ctx context.Context, db *tenant.DB, counts map[string]Count) error {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		is, err := limits(ctx, db, name)
		if err != nil {
			return fmt.Errorf("look for the limit %s of plans: %w", name, err)
		}
		if !is {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("public.plans of this database has no column of integers %s, which operations are limited by (x-plan-limit): "+
			"bring the shared schema here by `bailiwick schema apply`, or take what it has not out of the document and service.Config.Counts",
			strings.Join(missing, ", "))
	}
	return nil
}

// limits tells whether a name is that of a column that can limit plans. Catalogs are
// beyond a querier, so it asks for no row of it.
func limits(ctx context.Context, db *tenant.DB, name string) (bool, error) {
	rows, err := db.Public().Query(ctx, "SELECT "+tenant.QuoteIdent(name)+" FROM public.plans LIMIT 0")
	integer := false
	if err == nil {
		for _, field := range rows.FieldDescriptions() {
			integer = slices.Contains([]uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID}, field.DataTypeOID)
		}
		rows.Close()
		err = rows.Err()
	}
	if tenant.CodeOf(err) == tenant.CodeSchema {
		return false, nil
	}
	return integer, err
}

// allowed reads a limit of the plan of the tenant in ctx: nil is none.
func allowed(ctx context.Context, db *tenant.DB, name string, count Count) (*rest.Limit, error) {
	of, bound := tenant.FromContext(ctx)
	if !bound {
		return nil, errors.New("there is no tenant whose plan could have a limit")
	}
	l := &rest.Limit{Name: name, Count: count}
	var limit *int64
	var column bool
	err := db.Public().QueryRow(ctx, `
		SELECT p.name, (row ->> $2)::bigint, row ? $2
		FROM public.tenants AS t JOIN public.plans AS p ON p.name = t.plan, pg_catalog.to_jsonb(p) AS row
		WHERE t.id = $1::uuid`, of.ID.String(), name).Scan(&l.Plan, &limit, &column)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil //nolint:nilnil // A tenant without a plan has no limits.
	case err != nil:
		return nil, err
	case !column:
		return nil, fmt.Errorf("public.plans has no column %s", name)
	case limit == nil:
		return nil, nil //nolint:nilnil // The plan is without limit.
	}
	l.Max = *limit
	return l, nil
}
