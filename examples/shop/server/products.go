package main

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/shop/gen/api"
	"example.com/shop/gen/handlers"
	"example.com/shop/gen/tenantdb"
)

const selectProducts = "SELECT id, sku, name, description, currency, price, stock, created_at, updated_at FROM products"

// SearchProducts puts the statement together from the filters that are given, so
// that each combination gets a plan of its own. Values are arguments, always.
func (custom) SearchProducts(ctx context.Context, q *tenantdb.Queries, req api.SearchProductsRequestObject) (api.SearchProductsResponseObject, error) {
	const operation = "searchProducts" // A cursor is good for its own list alone.
	var f rest.Fields
	cursor := rest.ParseCursor(ctx, &f, operation, 2, req.Params.Cursor)
	name := rest.CursorValue(&f, cursor, 0, rest.Same[*string])
	id := rest.CursorValue(&f, cursor, 1, rest.Same[*uuid.UUID])
	if err := f.Invalid(); err != nil {
		return nil, err
	}
	w := productFilter(req.Params)
	if name != nil && id != nil {
		w.And("(name, id) > ($?, $?)", *name, *id)
	}
	limit := int64(*req.Params.Limit) // The document has a default.
	sql := selectProducts + w.Where() + "ORDER BY name, id LIMIT " + w.Arg(limit+1)
	rows, err := q.Querier().Query(ctx, string(sql), w.Args()...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tenantdb.Product])
	if err != nil {
		return nil, err
	}
	found, next := rest.NextPage(ctx, &f, operation, found, limit, func(_ *rest.Fields, p tenantdb.Product) []any { return []any{p.Name, p.ID} })
	page := api.SearchProducts200JSONResponse{Items: rest.Rows(&f, found, handlers.ToProductFromProduct), NextCursor: rest.Nullable(next)}
	return page, f.Unanswerable()
}

func productFilter(p api.SearchProductsParams) *tenant.Filter {
	w := &tenant.Filter{}
	if p.Q != nil {
		w.And("position(lower($?) IN lower(name || ' ' || sku)) > 0", *p.Q)
	}
	if p.Currency != nil {
		w.And("currency = $?", *p.Currency)
	}
	if p.MaxPrice != nil {
		w.And("price <= $?::text::numeric", *p.MaxPrice)
	}
	if p.InStock != nil {
		w.And("(stock > 0) = $?", *p.InStock)
	}
	return w
}
