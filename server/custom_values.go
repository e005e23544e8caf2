package main

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// findingValues is where the values of a property come from: what is joined to
// findings f, and the expression. It is the only way from a client's field to
// SQL.
var findingValues = map[api.FindingField]struct{ join, value tenant.SQL }{
	api.FieldService:  {"", "f.service"},
	api.FieldRegion:   {"", "f.region"},
	api.FieldCheck:    {"", "f.check_id"},
	api.FieldSeverity: {"", "f.severity::text"},
	api.FieldStatus:   {"", "f.status::text"},
	api.FieldDelta:    {"", "f.delta::text"},
	api.FieldCategory: {"CROSS JOIN LATERAL unnest(f.categories) AS category (name)", "category.name"},
	api.FieldResourceKind: {
		"JOIN finding_resources fr ON fr.finding_id = f.id JOIN resources r ON r.id = fr.resource_id", "r.kind",
	},
}

// defaultTop is the default of the parameter top.
const defaultTop = 100

// ListFindingValues counts the findings by the values of a property.
func (custom) ListFindingValues(ctx context.Context, q *tenantdb.Queries, req api.ListFindingValuesRequestObject) (api.ListFindingValuesResponseObject, error) {
	p := req.Params
	of, ok := findingValues[p.Field]
	if !ok {
		return nil, rest.Errorf(http.StatusBadRequest, "field: unknown property")
	}
	w, err := findingFilter(api.ListFindingsParams{
		Scans: p.Scans, ProviderId: p.ProviderId, Severity: p.Severity, Status: p.Status, Muted: p.Muted,
	})
	if err != nil {
		return nil, err
	}
	w.And(of.value + " IS NOT NULL")
	sql := "SELECT " + of.value + " AS value, count(DISTINCT f.id) AS findings\nFROM findings f\n" + of.join + w.Where() +
		"GROUP BY value\nORDER BY findings DESC, value\nLIMIT " + w.Arg(orElse(p.Top, defaultTop))
	rows, err := q.Querier().Query(ctx, string(sql), w.Args()...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v api.FindingValue, err error) {
		err = row.Scan(&v.Value, &v.Findings)
		return v, err
	})
	if err != nil {
		return nil, err
	}
	return api.ListFindingValues200JSONResponse{Items: found}, nil
}
