package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/shop/gen/api"
	"example.com/shop/gen/handlers"
	"example.com/shop/gen/tenantdb"
)

const selectProducts = "SELECT id, sku, name, description, currency, price, stock, created_at, updated_at FROM products WHERE true"

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
	s := productFilter(req.Params)
	if name != nil && id != nil {
		s.and("(name, id) > (%s, %s)", *name, *id)
	}
	limit := int64(*req.Params.Limit) // The document has a default.
	s.sql.WriteString(" ORDER BY name, id LIMIT " + s.arg(limit+1))
	rows, err := q.Querier().Query(ctx, s.sql.String(), s.args...)
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

// search is a statement in the making.
type search struct {
	sql  strings.Builder
	args []any
}

func productFilter(p api.SearchProductsParams) *search {
	s := &search{}
	s.sql.WriteString(selectProducts)
	if p.Q != nil {
		s.and("position(lower(%s) IN lower(name || ' ' || sku)) > 0", *p.Q)
	}
	if p.Currency != nil {
		s.and("currency = %s", *p.Currency)
	}
	if p.MaxPrice != nil {
		s.and("price <= %s::text::numeric", *p.MaxPrice)
	}
	if p.InStock != nil {
		s.and("(stock > 0) = %s", *p.InStock)
	}
	return s
}

// arg adds an argument and gives its place.
func (s *search) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// and adds a condition, in which each %s is the place of a value.
func (s *search) and(condition string, values ...any) {
	places := make([]any, len(values))
	for i, v := range values {
		places[i] = s.arg(v)
	}
	fmt.Fprintf(&s.sql, " AND "+condition, places...)
}
