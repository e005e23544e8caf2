package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func offer(t *testing.T, c client, sku, price string, stock int) string {
	t.Helper()
	id, _ := c.want(t, 201, "POST", "/v1/products", object{"sku": sku, "name": "The " + sku, "currency": "EUR", "price": price, "stock": stock})["id"].(string)
	return id
}

func orderOf(lines ...object) object {
	return object{"customer": "Ann", "currency": "EUR", "lines": lines}
}

func line(product string, quantity int) object {
	return object{"product_id": product, "quantity": quantity}
}

// stock is how many of a product there are.
func stock(t *testing.T, c client, product string) float64 {
	t.Helper()
	n, _ := c.want(t, 200, "GET", "/v1/products/"+product, nil)["stock"].(float64)
	return n
}

func TestProducts(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	mug := offer(t, acme, "mug", "12.50", 4)
	offer(t, acme, "tea", "9.90", 0)
	offer(t, acme, "pot", "40", 1)
	acme.want(t, 409, "POST", "/v1/products", object{"sku": "mug", "name": "Another", "currency": "EUR", "price": "1"})
	acme.want(t, 409, "POST", "/v1/products", object{"sku": "x", "name": "X", "currency": "XXX", "price": "1"})
	for query, want := range map[string][]any{
		"":                              {"mug", "pot", "tea"},
		"?q=MUG":                        {"mug"},
		"?q=%25":                        {},
		"?in_stock=false":               {"tea"},
		"?in_stock=true&max_price=12.5": {"mug"},
		"?currency=USD":                 {},
	} {
		if got := each(t, acme.want(t, 200, "GET", "/v1/products"+query, nil), "sku"); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
	first := acme.want(t, 200, "GET", "/v1/products?limit=2", nil)
	next := acme.want(t, 200, "GET", fmt.Sprintf("/v1/products?limit=2&cursor=%s", first["next_cursor"]), nil)
	if got := slices.Concat(items(t, first), items(t, next)); len(got) != 3 || next["next_cursor"] != nil {
		t.Errorf("pages: %v", got)
	}
	acme.want(t, 400, "GET", "/v1/products?cursor=x", nil)
	if p := acme.want(t, 200, "PATCH", "/v1/products/"+mug, object{"price": "9.99", "description": "Blue."}); p["price"] != "9.99" || p["stock"] != 4.0 {
		t.Errorf("patched: %v", p)
	}
	if p := acme.want(t, 200, "PATCH", "/v1/products/"+mug, object{"description": nil}); p["description"] != nil {
		t.Errorf("patched: %v", p)
	}
	if low := each(t, acme.want(t, 200, "GET", "/v1/reports/stock?at_most=1", nil), "sku"); !slices.Equal(low, []any{"tea", "pot"}) {
		t.Errorf("low stock: %v", low)
	}
}

func TestOrdersTakeStock(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	mug, tea := offer(t, acme, "mug", "12.50", 4), offer(t, acme, "tea", "9.90", 1)
	placed := acme.want(t, 201, "POST", "/v1/orders", orderOf(line(mug, 2), line(tea, 1), line(mug, 1)))
	order, _ := placed["order"].(object)
	lines, _ := placed["lines"].([]any)
	if order["total"] != "47.40" || order["placed_by"] != "ann" || len(lines) != 2 {
		t.Errorf("placed: %v", placed)
	}
	acme.want(t, 409, "POST", "/v1/orders", orderOf(line(mug, 1), line(tea, 1)))
	acme.want(t, 422, "POST", "/v1/orders", orderOf(line("00000000-0000-4000-8000-000000000000", 1)))
	acme.want(t, 422, "POST", "/v1/orders", object{"customer": "Ann", "currency": "USD", "lines": []object{line(mug, 1)}})
	if stock(t, acme, mug) != 1 || stock(t, acme, tea) != 0 {
		t.Error("a refused order has taken something")
	}
	path := fmt.Sprintf("/v1/orders/%s", order["id"])
	acme.want(t, 200, "POST", path+"/cancel", nil)
	acme.want(t, 409, "POST", path+"/ship", nil)
	if got, _ := acme.want(t, 200, "GET", path, nil)["order"].(object); got["state"] != "cancelled" || stock(t, acme, mug) != 4 {
		t.Errorf("cancelled: %v", got)
	}
	again := acme.want(t, 201, "POST", "/v1/orders", orderOf(line(tea, 1)))["order"].(object)
	if shipped := acme.want(t, 200, "POST", fmt.Sprintf("/v1/orders/%s/ship", again["id"]), nil); shipped["shipped_at"] == nil {
		t.Errorf("shipped: %v", shipped)
	}
	if n := len(items(t, acme.want(t, 200, "GET", "/v1/orders?state=shipped", nil))); n != 1 {
		t.Errorf("%d orders are shipped", n)
	}
	sales := items(t, acme.want(t, 200, "GET", "/v1/reports/sales", nil))
	if len(sales) != 1 || sales[0]["total"] != "9.90" || sales[0]["orders"] != 1.0 {
		t.Errorf("sales: %v", sales)
	}
}

// A buyer whose connection broke sends the order again, and once more at a time
// when the first is under way.
func TestAnOrderIsPlacedOnce(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	mug := offer(t, acme, "mug", "1", 5)
	var tries sync.WaitGroup
	for range 4 {
		tries.Go(func() {
			if w := acme.do(t, "POST", "/v1/orders", orderOf(line(mug, 2)), "Idempotency-Key", "one"); w.Code != 201 {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
		})
	}
	tries.Wait()
	if w := acme.do(t, "POST", "/v1/orders", orderOf(line(mug, 3)), "Idempotency-Key", "one"); w.Code != 409 {
		t.Errorf("another order with the key: %d: %s", w.Code, w.Body)
	}
	for range 2 { // What was refused is not kept.
		if w := acme.do(t, "POST", "/v1/orders", orderOf(line(mug, 4)), "Idempotency-Key", "two"); w.Code != 409 {
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	}
	if stock(t, acme, mug) != 3 {
		t.Errorf("%v are left", stock(t, acme, mug))
	}
}

// Ten buyers of five mugs, all at once.
func TestNothingIsSoldTwice(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	mug, tea := offer(t, acme, "mug", "1", 5), offer(t, acme, "tea", "1", 100)
	var buyers sync.WaitGroup
	var sold atomic.Int32
	for i := range 10 {
		lines := []object{line(mug, 1), line(tea, 1)}
		if i%2 == 0 {
			slices.Reverse(lines)
		}
		buyers.Go(func() {
			if acme.do(t, "POST", "/v1/orders", orderOf(lines...)).Code == http.StatusCreated {
				sold.Add(1)
			}
		})
	}
	buyers.Wait()
	if sold.Load() != 5 || stock(t, acme, mug) != 0 || stock(t, acme, tea) != 95 {
		t.Errorf("sold %d", sold.Load())
	}
}

// What one shop has, another one neither finds nor sells.
func TestShopsAreApart(t *testing.T) {
	t.Parallel()
	acme, globex := newClients(t)
	mug := offer(t, acme, "mug", "12.50", 4)
	placed := acme.want(t, 201, "POST", "/v1/orders", orderOf(line(mug, 1)))["order"].(object)
	for _, path := range []string{"/v1/products", "/v1/orders", "/v1/reports/sales", "/v1/reports/stock?at_most=1000"} {
		if got := items(t, globex.want(t, 200, "GET", path, nil)); len(got) != 0 {
			t.Errorf("%s: globex sees %v", path, got)
		}
	}
	globex.want(t, 404, "GET", "/v1/products/"+mug, nil)
	globex.want(t, 404, "PATCH", "/v1/products/"+mug, object{"price": "0"})
	globex.want(t, 422, "POST", "/v1/orders", orderOf(line(mug, 1)))
	globex.want(t, 404, "GET", fmt.Sprintf("/v1/orders/%s", placed["id"]), nil)
	globex.want(t, 404, "POST", fmt.Sprintf("/v1/orders/%s/cancel", placed["id"]), nil)
	offer(t, globex, "mug", "1", 1)
	if stock(t, acme, mug) != 3 {
		t.Error("globex has taken from acme")
	}
}
