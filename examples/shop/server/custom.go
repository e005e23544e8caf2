package main

import (
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
		Lines: rest.Rows(f, lines, handlers.ToOrderLineFromListOrderLinesRow),
	}
}
