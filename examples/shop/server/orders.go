package main

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/shop/gen/api"
	"example.com/shop/gen/handlers"
	"example.com/shop/gen/tenantdb"
)

// PlaceOrder takes all that is ordered out of stock, or nothing. Of two orders
// for the last piece, one waits for the other and is then refused.
func (custom) PlaceOrder(ctx context.Context, q *tenantdb.Queries, req api.PlaceOrderRequestObject) (api.PlaceOrderResponseObject, error) {
	var placed tenantdb.Order
	var lines []tenantdb.ListOrderLinesRow
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) (err error) {
		placed, err = tx.CreateOrder(ctx, tenantdb.CreateOrderParams{
			Customer: req.Body.Customer, Currency: req.Body.Currency, PlacedBy: rest.Subject(ctx),
		})
		if err != nil {
			return err
		}
		if err := addLines(ctx, tx, placed, req.Body.Lines); err != nil {
			return err
		}
		if placed, err = tx.SumOrder(ctx, placed.ID); err != nil {
			return err
		}
		lines, err = tx.ListOrderLines(ctx, placed.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	return api.PlaceOrder201JSONResponse{Body: orderDetail(&f, placed, lines)}, f.Unanswerable()
}

// addLines goes through the products in one order for all, so that two orders
// never wait for each other.
func addLines(ctx context.Context, tx *tenantdb.Queries, placed tenantdb.Order, lines []api.NewOrderLine) error {
	quantities := map[uuid.UUID]int32{}
	for _, l := range lines {
		quantities[l.ProductId] += l.Quantity
	}
	ids := slices.SortedFunc(maps.Keys(quantities), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		p, err := tx.TakeStock(ctx, tenantdb.TakeStockParams{ProductID: id, Quantity: quantities[id]})
		switch {
		case tenant.CodeOf(err) == tenant.CodeNotFound:
			return rest.Errorf(http.StatusUnprocessableEntity, "there is no product %s", id)
		case tenant.CodeOf(err) == tenant.CodeInvalid: // The check of the column stock.
			return rest.Errorf(http.StatusConflict, "there are not %d of product %s", quantities[id], id)
		case err != nil:
			return err
		case p.Currency != placed.Currency:
			return rest.Errorf(http.StatusUnprocessableEntity, "product %s is charged in %s", id, p.Currency)
		}
		err = tx.CreateOrderLine(ctx, tenantdb.CreateOrderLineParams{OrderID: placed.ID, ProductID: id, Quantity: quantities[id], UnitPrice: p.Price})
		if err != nil {
			return err
		}
	}
	return nil
}

// GetOrder reads the order and its lines as of one moment.
func (custom) GetOrder(ctx context.Context, q *tenantdb.Queries, req api.GetOrderRequestObject) (api.GetOrderResponseObject, error) {
	var found tenantdb.Order
	var lines []tenantdb.ListOrderLinesRow
	snapshot := tenant.TxOptions{Isolation: pgx.RepeatableRead, ReadOnly: true}
	err := q.InTx(ctx, snapshot, func(ctx context.Context, tx *tenantdb.Queries) (err error) {
		if found, err = tx.GetOrder(ctx, req.OrderId); err == nil {
			lines, err = tx.ListOrderLines(ctx, req.OrderId)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	return api.GetOrder200JSONResponse(orderDetail(&f, found, lines)), f.Unanswerable()
}

// ShipOrder sends an order on its way.
func (custom) ShipOrder(ctx context.Context, q *tenantdb.Queries, req api.ShipOrderRequestObject) (api.ShipOrderResponseObject, error) {
	shipped, err := leave(ctx, q, req.OrderId, (*tenantdb.Queries).ShipOrder)
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	return api.ShipOrder200JSONResponse(handlers.ToOrderFromOrder(&f, shipped)), f.Unanswerable()
}

// CancelOrder gives back what the order took.
func (custom) CancelOrder(ctx context.Context, q *tenantdb.Queries, req api.CancelOrderRequestObject) (api.CancelOrderResponseObject, error) {
	cancelled, err := leave(ctx, q, req.OrderId, func(tx *tenantdb.Queries, ctx context.Context, id uuid.UUID) (tenantdb.Order, error) {
		if _, err := tx.ReturnStock(ctx, id); err != nil {
			return tenantdb.Order{}, err
		}
		return tx.CancelOrder(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	return api.CancelOrder200JSONResponse(handlers.ToOrderFromOrder(&f, cancelled)), f.Unanswerable()
}

// leave takes an order out of the state placed. The lock makes a second one wait,
// and then see that the order is placed no more.
func leave(ctx context.Context, q *tenantdb.Queries, id uuid.UUID, change func(*tenantdb.Queries, context.Context, uuid.UUID) (tenantdb.Order, error)) (changed tenantdb.Order, err error) {
	err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		locked, err := tx.LockOrder(ctx, id)
		if err != nil {
			return err
		}
		if locked.State != tenantdb.OrderStatePlaced {
			return rest.Errorf(http.StatusConflict, "the order is %s", locked.State)
		}
		changed, err = change(tx, ctx, id)
		return err
	})
	return changed, err
}
