package main

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// defaultPage is the default of the parameter limit.
const defaultPage = 50

const selectFindings = `SELECT
    f.id, f.scan_id, f.uid, f.check_id, f.service, f.region, f.severity, f.status, f.status_detail, f.delta,
    f.risk_score, f.first_seen_at, f.muted, f.failing, f.created_at
FROM findings f`

// ListFindings searches the findings. The statement is put
// together from the filters that are given, so that each combination gets a
// plan of its own; a query with every filter made optional would get one plan
// for all.
func (custom) ListFindings(ctx context.Context, q *tenantdb.Queries, req api.ListFindingsRequestObject) (api.ListFindingsResponseObject, error) {
	by, ok := findingOrder(orElse(req.Params.Sort, []api.FindingSort{api.SortGravestFirst}))
	if !ok {
		return nil, rest.Errorf(http.StatusBadRequest, "sort: unknown order")
	}
	w, err := findingFilter(req.Params)
	if err != nil {
		return nil, err
	}
	if err := resume(ctx, w, by, req.Params.Cursor); err != nil {
		return nil, err
	}
	limit := orElse(req.Params.Limit, defaultPage)
	sql := selectFindings + w.Where() + by.by() + " LIMIT " + w.Arg(limit+1)
	rows, err := q.Querier().Query(ctx, string(sql), w.Args()...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tenantdb.ListScanFindingsRow])
	if err != nil {
		return nil, err
	}
	return findingPage(ctx, by, found, limit)
}

// list names the list that a cursor is good for: one of another order means
// nothing in this one.
func (o order) list() string { return "listFindings " + o.name }

// resume begins the page where the cursor says.
func resume(ctx context.Context, w *tenant.Filter, by order, text *string) error {
	var f rest.Fields
	cursor := rest.ParseCursor(ctx, &f, by.list(), len(by.columns)+1, text)
	keys := make([]any, 0, len(by.columns))
	for i, c := range by.columns {
		if key := rest.CursorValue(&f, cursor, i, rest.Same[*string]); key != nil {
			keys = append(keys, rest.Take(&f, "query.cursor", c.parse, *key))
		}
	}
	id := rest.CursorValue(&f, cursor, len(by.columns), rest.Same[*uuid.UUID])
	if err := f.Invalid(); err != nil {
		return err
	}
	if id != nil && len(keys) == len(by.columns) {
		by.after(w, keys, *id)
	}
	return nil
}

func findingPage(ctx context.Context, by order, found []tenantdb.ListScanFindingsRow, limit int32) (api.ListFindingsResponseObject, error) {
	var f rest.Fields
	found, next := rest.NextPage(ctx, &f, by.list(), found, int64(limit), by.keys)
	page := api.ListFindings200JSONResponse{
		Items:      rest.Rows(&f, found, handlers.ToFindingFromListScanFindingsRow),
		NextCursor: rest.Nullable(next),
	}
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return page, nil
}
