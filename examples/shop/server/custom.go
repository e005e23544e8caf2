package main

import (
	"github.com/oapi-codegen/nullable"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/shop/gen/api"
	"example.com/shop/gen/handlers"
	"example.com/shop/gen/tenantdb"
)

// custom holds the operations that no single query answers: products.go has the
// search, orders.go the transactions. It keeps nothing between requests.
type custom struct{}

func orderDetail(f *rest.Fields, o tenantdb.Order, lines []tenantdb.ListOrderLinesRow) api.OrderDetail {
	return api.OrderDetail{
		Order: handlers.ToOrderFromOrder(f, o),
		Lines: rest.Rows(f, lines, func(f *rest.Fields, l tenantdb.ListOrderLinesRow) api.OrderLine {
			return api.OrderLine{
				ProductId: l.ProductID, Sku: l.Sku, Name: l.Name, Quantity: l.Quantity,
				UnitPrice: rest.Take(f, "unit_price", rest.DecimalToString[string], l.UnitPrice),
			}
		}),
	}
}

func null[T any](p *T) nullable.Nullable[T] {
	if p == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*p)
}
