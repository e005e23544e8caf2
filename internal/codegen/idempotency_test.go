package codegen_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	onceapi "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/idempotency/gen/api"
	once "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/idempotency/gen/handlers"
	oncedb "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/idempotency/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// transfers answers the operation that is written by hand. What it does once it
// has paid is each test's.
type transfers struct {
	then func(ctx context.Context, q *oncedb.Queries) (response onceapi.TransferResponseObject, fail bool, err error)
}

func (c *transfers) Transfer(ctx context.Context, q *oncedb.Queries, req onceapi.TransferRequestObject) (onceapi.TransferResponseObject, error) {
	var paid oncedb.Payment
	err := q.InTx(ctx, tenant.TxOptions{MaxAttempts: 1}, func(ctx context.Context, tx *oncedb.Queries) error {
		var err error
		paid, err = tx.AddPayment(ctx, oncedb.AddPaymentParams{Amount: req.Body.Amount})
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.then != nil {
		if response, fail, err := c.then(ctx, q); fail {
			return response, err
		}
	}
	rest.Header(ctx).Set("X-Paid", "by hand")
	return onceapi.Transfer201JSONResponse{
		Body:    onceapi.Payment{Id: paid.ID, Amount: paid.Amount},
		Headers: onceapi.Transfer201ResponseHeaders{Location: fmt.Sprint("/payments/", paid.ID)},
	}, nil
}

// payments is a service of two tenants, whose requests name tenant and subject.
type payments struct {
	api

	db *tenanttest.DB
}

func servePayments(t *testing.T, custom *transfers) payments {
	t.Helper()
	tables, err := os.ReadFile(goldenDir + "/idempotency/schema/tenant.sql")
	check(t, err)
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: string(tables)}, Tenants: 2})
	handler, err := once.New(once.Config{DB: db.DB, Custom: custom, Options: rest.Options{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			which := db.Tenants[0]
			if r.Header.Get("X-Tenant") == "b" {
				which = db.Tenants[1]
			}
			return rest.WithSubject(tenant.NewContext(r.Context(), which), r.Header.Get("X-Subject")), nil
		},
	}})
	check(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return payments{api: api{url: server.URL}, db: db}
}

// post sends a payment under a key, as alice of the first tenant unless header
// says otherwise.
func (p payments) post(t *testing.T, path, body, key string, header ...string) (answer, string) {
	t.Helper()
	h := http.Header{"X-Subject": {"alice"}, "Idempotency-Key": {key}}
	for _, pair := range header {
		name, value, _ := strings.Cut(pair, "=")
		h.Set(name, value)
	}
	return p.send(t, "POST", path, body, h)
}

func (p payments) count(t *testing.T, which int, sql string) (n int) {
	t.Helper()
	check(t, p.db.Bind(t, which).QueryRow(t.Context(), sql).Scan(&n))
	return n
}

func (p payments) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := p.db.Bind(t, 0).Exec(t.Context(), sql)
	check(t, err)
}

const (
	countPayments = "SELECT count(*) FROM payments"
	countKeys     = "SELECT count(*) FROM idempotency_keys"
)

func wantStatus(t *testing.T, what string, got answer, body string, status int, replayed bool) {
	t.Helper()
	if got.StatusCode != status || (got.Header.Get("Idempotency-Replayed") == "true") != replayed {
		t.Errorf("%s: %d with %v instead of %d, replayed %v: %s", what, got.StatusCode, got.Header, status, replayed, body)
	}
}

// TestIdempotencyReplay answers again what was answered, by hand and bound.
func TestIdempotencyReplay(t *testing.T) {
	t.Parallel()
	p := servePayments(t, &transfers{})
	for _, path := range []string{"/payments", "/transfers"} {
		before := p.count(t, 0, countPayments)
		first, body := p.post(t, path, `{"amount": 5, "note": null}`, "k-1")
		wantStatus(t, path, first, body, http.StatusCreated, false)
		again, replayed := p.post(t, path, ` {"note":null, "amount":5} `, "k-1")
		wantStatus(t, path+" again", again, replayed, http.StatusCreated, true)
		if replayed != body {
			t.Errorf("%s: %q became %q", path, body, replayed)
		}
		for _, name := range []string{"Content-Type", "ETag", "Location", "X-Paid", "Content-Length"} {
			if first.Header.Get(name) != again.Header.Get(name) {
				t.Errorf("%s: %s %q became %q", path, name, first.Header.Get(name), again.Header.Get(name))
			}
		}
		for _, other := range []string{`{"amount": 6, "note": null}`, `{"amount": 5}`} {
			reused, text := p.post(t, path, other, "k-1")
			wantStatus(t, "another body", reused, text, http.StatusConflict, false)
			if !strings.Contains(text, "problems/idempotency-key-reused") {
				t.Error(text)
			}
		}
		if n := p.count(t, 0, countPayments) - before; n != 1 {
			t.Errorf("%s: %d payments", path, n)
		}
	}
	first, _ := p.post(t, "/payments", `{"amount": 1}`, "k-2")
	if first.Header.Get("ETag") == "" {
		t.Error("no ETag")
	}
	cleared, body := p.post(t, "/payments/clear?below=2", "", "k-3")
	wantStatus(t, "clear", cleared, body, http.StatusNoContent, false)
	cleared, body = p.post(t, "/payments/clear?below=2", "", "k-3")
	wantStatus(t, "clear again", cleared, body, http.StatusNoContent, true)
	cleared, body = p.post(t, "/payments/clear?below=3", "", "k-3")
	wantStatus(t, "clear more", cleared, body, http.StatusConflict, false)
}

// TestIdempotencyScope keeps tenants, subjects and operations apart: nobody gets
// another's answer, nor learns that there is one.
func TestIdempotencyScope(t *testing.T) {
	t.Parallel()
	p := servePayments(t, &transfers{})
	first, body := p.post(t, "/payments", `{"amount": 5, "note": "of alice at a"}`, "k")
	wantStatus(t, "alice", first, body, http.StatusCreated, false)
	for name, c := range map[string]struct{ path, header string }{
		"tenant b":          {"/payments", "X-Tenant=b"},
		"bob":               {"/payments", "X-Subject=bob"},
		"another operation": {"/transfers", "X-Subject=alice"},
	} {
		answer, body := p.post(t, c.path, `{"amount": 5, "note": "of `+name+`"}`, "k", c.header)
		wantStatus(t, name, answer, body, http.StatusCreated, false)
		if strings.Contains(body, "of alice at a") {
			t.Errorf("%s sees %s", name, body)
		}
	}
	answer, body := p.post(t, "/payments", `{"amount": 5}`, "k", "X-Subject=")
	wantStatus(t, "nobody", answer, body, http.StatusUnauthorized, false)
	if a, b := p.count(t, 0, countKeys), p.count(t, 1, countKeys); a != 3 || b != 1 {
		t.Errorf("%d keys at a, %d at b", a, b)
	}
}

// TestIdempotencyKeys refuses what is no key.
func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	p := servePayments(t, &transfers{})
	for _, key := range []string{"", "a b", "é", strings.Repeat("k", 256), "a\tb"} {
		answer, body := p.post(t, "/payments", `{"amount": 5}`, key)
		wantStatus(t, "key "+key, answer, body, http.StatusBadRequest, false)
	}
	for _, key := range []string{"k", strings.Repeat("~", 255), `"quoted,!"`} {
		answer, body := p.post(t, "/payments", `{"amount": 5}`, key)
		wantStatus(t, "key "+key, answer, body, http.StatusCreated, false)
	}
	if n := p.count(t, 0, countPayments); n != 3 {
		t.Errorf("%d payments", n)
	}
	answer, body := p.send(t, "POST", "/payments", `{"amount": 5}`, nil)
	wantStatus(t, "without a key", answer, body, http.StatusCreated, false)
}

// TestIdempotencyFailure keeps nothing of what is not done.
func TestIdempotencyFailure(t *testing.T) {
	t.Parallel()
	custom := &transfers{}
	p := servePayments(t, custom)
	answer, body := p.post(t, "/payments", `{"amount": 0}`, "k")
	wantStatus(t, "refused", answer, body, http.StatusUnprocessableEntity, false)
	answer, body = p.post(t, "/payments", `{"amount": 1}`, "k")
	wantStatus(t, "mended", answer, body, http.StatusCreated, false)
	for what, c := range map[string]struct {
		response onceapi.TransferResponseObject
		err      error
		want     int
	}{
		"answer":  {onceapi.Transfer409JSONResponse("no"), nil, http.StatusConflict},
		"problem": {nil, rest.Errorf(http.StatusConflict, "no"), http.StatusConflict},
		"silence": {nil, errors.New("failed"), http.StatusInternalServerError},
	} {
		custom.then = func(context.Context, *oncedb.Queries) (onceapi.TransferResponseObject, bool, error) {
			return c.response, true, c.err
		}
		answer, body := p.post(t, "/transfers", `{"amount": 1}`, "k")
		wantStatus(t, what, answer, body, c.want, false)
	}
	custom.then = func(ctx context.Context, q *oncedb.Queries) (onceapi.TransferResponseObject, bool, error) {
		return nil, true, q.InTx(ctx, tenant.TxOptions{Isolation: pgx.Serializable}, func(context.Context, *oncedb.Queries) error { return nil })
	}
	answer, body = p.post(t, "/transfers", `{"amount": 1}`, "k")
	wantStatus(t, "isolation", answer, body, http.StatusInternalServerError, false)
	if n := p.count(t, 0, countPayments); n != 1 || p.count(t, 0, countKeys) != 1 {
		t.Errorf("%d payments, %d keys", n, p.count(t, 0, countKeys))
	}
	var attempts atomic.Int32
	custom.then = func(context.Context, *oncedb.Queries) (onceapi.TransferResponseObject, bool, error) {
		return nil, attempts.Add(1) == 1, &pgconn.PgError{Code: "40001"}
	}
	answer, body = p.post(t, "/transfers", `{"amount": 1}`, "k")
	wantStatus(t, "tried again", answer, body, http.StatusCreated, false)
	if n := p.count(t, 0, countPayments); n != 2 {
		t.Errorf("%d payments after another attempt", n)
	}
}

// TestIdempotencyTwins sends one request many times at once: it is done once.
func TestIdempotencyTwins(t *testing.T) {
	t.Parallel()
	p := servePayments(t, &transfers{})
	for round := range 5 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		bodies, replayed := map[string]int{}, 0
		for range 8 {
			wg.Go(func() {
				answer, body := p.post(t, "/payments", `{"amount": 7}`, fmt.Sprint("twins", round))
				mu.Lock()
				defer mu.Unlock()
				bodies[fmt.Sprint(answer.StatusCode, " ", body)]++
				if answer.Header.Get("Idempotency-Replayed") != "" {
					replayed++
				}
			})
		}
		wg.Wait()
		if n := p.count(t, 0, countPayments); len(bodies) != 1 || replayed != 7 || n != round+1 {
			t.Fatalf("%d payments, %d replayed, answers %v", n, replayed, bodies)
		}
	}
}

// TestIdempotencyWaits has the twin of a request that fails do it in its place.
func TestIdempotencyWaits(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	began, end := make(chan struct{}), make(chan struct{})
	p := servePayments(t, &transfers{then: func(context.Context, *oncedb.Queries) (onceapi.TransferResponseObject, bool, error) {
		if calls.Add(1) > 1 {
			return nil, false, nil
		}
		close(began)
		<-end
		return nil, true, rest.Errorf(http.StatusConflict, "the first fails")
	}})
	var wg sync.WaitGroup
	wg.Go(func() {
		answer, body := p.post(t, "/transfers", `{"amount": 1}`, "k")
		wantStatus(t, "first", answer, body, http.StatusConflict, false)
	})
	<-began
	wg.Go(func() {
		answer, body := p.post(t, "/transfers", `{"amount": 1}`, "k")
		wantStatus(t, "twin", answer, body, http.StatusCreated, false)
	})
	admin, err := pgx.Connect(t.Context(), p.db.SuperURL)
	check(t, err)
	defer func() { check(t, admin.Close(context.WithoutCancel(t.Context()))) }()
	for waiting := 0; waiting == 0; {
		check(t, admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting))
	}
	if calls.Load() != 1 {
		t.Error("the twin did not wait")
	}
	close(end)
	wg.Wait()
	if n := p.count(t, 0, countPayments); n != 1 {
		t.Errorf("%d payments", n)
	}
}

// TestIdempotencyExpiry forgets a key after a day, and drops old ones on the way.
func TestIdempotencyExpiry(t *testing.T) {
	t.Parallel()
	p := servePayments(t, &transfers{})
	first, body := p.post(t, "/payments", `{"amount": 1}`, "k")
	wantStatus(t, "first", first, body, http.StatusCreated, false)
	p.exec(t, "UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'")
	again, body := p.post(t, "/payments", `{"amount": 1}`, "k")
	wantStatus(t, "just in time", again, body, http.StatusCreated, true)
	p.exec(t, "UPDATE idempotency_keys SET created_at = now() - interval '24 hours'")
	anew, body := p.post(t, "/payments", `{"amount": 2}`, "k")
	wantStatus(t, "expired", anew, body, http.StatusCreated, false)
	var payment struct{ Amount int }
	again, body = p.post(t, "/payments", `{"amount": 2}`, "k")
	wantStatus(t, "another day", again, body, http.StatusCreated, true)
	if err := json.Unmarshal([]byte(body), &payment); err != nil || payment.Amount != 2 {
		t.Errorf("%s, %v", body, err)
	}
	p.exec(t, "INSERT INTO idempotency_keys SELECT 's', 'o', n::text, '', 200, '{}', '', now() - interval '2 days' FROM generate_series(1, 25) n")
	for i, want := range []int{17, 8, 4} {
		answer, body := p.post(t, "/payments", `{"amount": 3}`, fmt.Sprint("new", i))
		wantStatus(t, "new", answer, body, http.StatusCreated, false)
		if n := p.count(t, 0, countKeys); n != want {
			t.Errorf("%d keys are left instead of %d", n, want)
		}
	}
}
