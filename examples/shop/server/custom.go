package main

import (
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/shop/gen/api"
	"example.com/shop/gen/tenantdb"
)

// custom holds the operations that no single query answers: products.go has the
// search, orders.go the transactions. It keeps nothing between requests.
type custom struct{}

// product is a row as the API shows it; f collects what cannot be shown.
func product(f *rest.Fields, p tenantdb.Product) api.Product {
	return api.Product{
		Id: p.ID, Sku: p.Sku, Name: p.Name, Currency: p.Currency, Stock: p.Stock,
		Description: null(p.Description),
		Price:       rest.Take(f, "price", rest.DecimalToString[string], p.Price),
		CreatedAt:   rest.Take(f, "created_at", rest.UTC, p.CreatedAt),
		UpdatedAt:   rest.Take(f, "updated_at", rest.UTC, p.UpdatedAt),
	}
}

func order(f *rest.Fields, o tenantdb.Order) api.Order {
	return api.Order{
		Id: o.ID, Number: o.Number, Customer: o.Customer, Currency: o.Currency, PlacedBy: o.PlacedBy,
		State:     api.OrderState(o.State),
		Total:     rest.Take(f, "total", rest.DecimalToString[string], o.Total),
		PlacedAt:  rest.Take(f, "placed_at", rest.UTC, o.PlacedAt),
		ShippedAt: rest.Take(f, "shipped_at", rest.Null(rest.OpenPointer[time.Time], rest.UTC, rest.BuildNullable[time.Time]), o.ShippedAt),
	}
}

func orderDetail(f *rest.Fields, o tenantdb.Order, lines []tenantdb.ListOrderLinesRow) api.OrderDetail {
	return api.OrderDetail{
		Order: order(f, o),
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
