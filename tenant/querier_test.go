package tenant_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// Whatever is kept after its time says so and reaches nothing.
func TestUseAfterClose(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	var kept, inner *tenant.Querier
	err := q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
		kept = tx
		return tx.InTx(ctx, tenant.TxOptions{}, func(_ context.Context, tx *tenant.Querier) error {
			inner = tx
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name string, q *tenant.Querier, code tenant.Code) {
		t.Helper()
		ctx := t.Context()
		_, execErr := q.Exec(ctx, "SELECT 1")
		_, queryErr := q.Query(ctx, "SELECT 1")
		_, rowErr := one[int](ctx, q, "SELECT 1")
		_, copyErr := q.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"body"}, pgx.CopyFromRows(nil))
		batch := &pgx.Batch{}
		batch.Queue("SELECT 1")
		batchErr := q.SendBatch(ctx, batch).Close()
		txErr := q.InTx(ctx, tenant.TxOptions{}, func(context.Context, *tenant.Querier) error {
			t.Errorf("%s: fn ran", name)
			return nil
		})
		for _, err := range []error{execErr, queryErr, rowErr, copyErr, batchErr, txErr} {
			if tenant.CodeOf(err) != code {
				t.Errorf("%s: %v, want %s", name, err, code)
			}
		}
	}
	refuse("querier of an ended transaction", kept, tenant.CodeClosed)
	refuse("querier of an ended savepoint", inner, tenant.CodeClosed)
	q.Close()
	refuse("closed querier", q, tenant.CodeClosed)
	refuse("nil querier", nil, tenant.CodeNoTenant)
	refuse("zero querier", &tenant.Querier{}, tenant.CodeNoTenant)
	var public *tenant.PublicQuerier
	_, err = public.Exec(t.Context(), "SELECT 1")
	wantCode(t, err, tenant.CodeNoTenant)
	_, err = db.DB.Bind(tenant.Tenant{})
	wantCode(t, err, tenant.CodeNoTenant)
	_, err = db.DB.Bind(tenant.Tenant{ID: tenant.NewID(), Version: "*/ DROP"})
	wantCode(t, err, tenant.CodeInvalid)
	_, err = db.DB.Bind(tenant.Tenant{ID: tenant.NewID(), Node: "elsewhere"})
	wantCode(t, err, tenant.CodeUnavailable)
	last := bind(t, db.DB, db.Tenants[0])
	db.DB.Close()
	refuse("closed database", last, tenant.CodeClosed)
	_, err = db.DB.Bind(db.Tenants[0])
	wantCode(t, err, tenant.CodeClosed)
}

// A transaction of another tenant within a transaction is refused by its context.
func TestNestedTransactionOfAnotherTenant(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	acme, globex := bind(t, db.DB, db.Tenants[0]), bind(t, db.DB, db.Tenants[1])
	err := acme.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, _ *tenant.Querier) error {
		return globex.InTx(ctx, tenant.TxOptions{}, func(context.Context, *tenant.Querier) error {
			t.Error("ran for another tenant")
			return nil
		})
	})
	wantCode(t, err, tenant.CodeWrongTenant)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		q := bind(t, db.DB, db.Tenants[0])
		cases := []struct {
			sql  string
			code tenant.Code
		}{
			{"INSERT INTO notes (id, body) VALUES (1, 'twice')", tenant.CodeConflict},
			{"INSERT INTO notes (body) VALUES (NULL)", tenant.CodeInvalid},
			{"SELECT 'x'::int", tenant.CodeInvalid},
			{"INSERT INTO kinds (id, positive) VALUES (9, -1)", tenant.CodeInvalid},
			{"SELECT nope FROM notes", tenant.CodeSchema},
			{"SELECT", ""},
			{"SELECT FROM notes WHERE", tenant.CodeInternal},
		}
		for _, c := range cases {
			_, err := q.Exec(t.Context(), c.sql)
			if tenant.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %q", c.sql, err, c.code)
			}
			var e *tenant.Error
			if err != nil && (!errors.As(err, &e) || e.Tenant != db.Tenants[0].ID.String()) {
				t.Errorf("%s: %#v does not name the tenant", c.sql, err)
			}
		}
		_, err := one[string](t.Context(), q, "SELECT body FROM notes WHERE id = 404")
		if wantCode(t, err, tenant.CodeNotFound); !errors.Is(err, pgx.ErrNoRows) {
			t.Error(err)
		}
		var pg *pgconn.PgError
		_, err = q.Exec(t.Context(), "INSERT INTO notes (id, body) VALUES (1, 'twice')")
		if !errors.As(err, &pg) || pg.ConstraintName != "notes_pkey" {
			t.Errorf("the cause is not in the chain: %v", err)
		}
		_, err = q.Exec(t.Context(), "SELECT $1::int", "x", "y")
		wantCode(t, err, tenant.CodeInvalid)
	})
}

// Few prepared statements for many texts and tenants: names come and go.
func TestStatementCacheIsBounded(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{StatementCache: 3, MaxConns: 1})
	asRole(t, db.SuperURL, "GRANT SELECT ON pg_catalog.pg_prepared_statements TO PUBLIC; "+
		"GRANT EXECUTE ON FUNCTION pg_catalog.pg_prepared_statement() TO PUBLIC")
	acme, globex := bind(t, db.DB, db.Tenants[0]), bind(t, db.DB, db.Tenants[1])
	texts := []string{
		"SELECT body || $1 FROM notes", "SELECT body || $1 FROM notes WHERE id = 1", "SELECT body || $1 FROM notes LIMIT 1", "SELECT body || $1 FROM notes ORDER BY id",
	}
	for range 5 {
		for _, sql := range texts {
			for _, q := range []*tenant.Querier{acme, globex} {
				if got := must[string](t)(one[string](t.Context(), q, sql, "!")); got != q.Tenant().Schema()+"!" {
					t.Errorf("%s reads %s", q.Tenant().Schema(), got)
				}
			}
		}
	}
	names, err := tenant.CountPrepared(t.Context(), db.DB)
	if err != nil {
		t.Fatal(err)
	}
	if names > 3+3 { // The cache, the runtime's own, and what awaits its Close.
		t.Errorf("%d prepared statements on the connection", names)
	}
	batch := &pgx.Batch{}
	for range 2 {
		for _, sql := range texts {
			batch.Queue(sql, "?")
		}
	}
	if err := acme.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Error(err)
	}
}

func TestBatchIsOneTransaction(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		q := bind(t, db.DB, db.Tenants[0])
		batch := &pgx.Batch{}
		seen := 0
		batch.Queue("INSERT INTO notes (id, body) VALUES (50, 'lost')").Exec(func(pgconn.CommandTag) error { seen++; return nil })
		batch.Queue("INSERT INTO notes (id, body) VALUES (1, 'twice')")
		batch.Queue("SELECT 1").QueryRow(func(pgx.Row) error { seen += 100; return nil })
		wantCode(t, q.SendBatch(t.Context(), batch).Close(), tenant.CodeConflict)
		if n := count(t, q, "id = 50"); n != 0 || seen != 1 {
			t.Errorf("%d rows of a failed batch, callbacks %d", n, seen)
		}
		if err := q.SendBatch(t.Context(), &pgx.Batch{}).Close(); err != nil {
			t.Error(err)
		}
	})
}

// A goroutine that goes on after Close is refused; what runs at the same time
// with one querier does not interfere.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{MaxConns: 4})
	var wg sync.WaitGroup
	for _, to := range db.Tenants {
		q := bind(t, db.DB, to)
		for range 4 {
			wg.Go(func() {
				for range 200 {
					got, err := one[string](t.Context(), q, "SELECT body FROM notes WHERE id = $1", int64(1))
					if err != nil || got != to.Schema() {
						t.Errorf("%q, %v", got, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
}

type tracer struct {
	mu    sync.Mutex
	sql   []string
	codes []tenant.Code
	rows  []int64
}

func (tr *tracer) TraceStart(ctx context.Context, s tenant.TraceStatement) context.Context {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.sql = append(tr.sql, s.Tenant.Slug+" "+s.SQL)
	return ctx
}

func (tr *tracer) TraceEnd(_ context.Context, r tenant.TraceResult) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.codes = append(tr.codes, tenant.CodeOf(r.Err))
	tr.rows = append(tr.rows, r.Rows)
	if r.Duration <= 0 || r.Duration > time.Hour {
		tr.codes = append(tr.codes, "no duration")
	}
}

func TestTracer(t *testing.T) {
	t.Parallel()
	var tr tracer
	db := open(t, tenant.Config{Tracer: &tr})
	q := bind(t, db.DB, db.Tenants[0])
	must[any](t)(one[string](t.Context(), q, "SELECT body FROM notes"))
	_, _ = q.Exec(t.Context(), "SELECT 1/0")
	must[any](t)(q.CopyFrom(t.Context(), pgx.Identifier{"notes"}, []string{"body"}, pgx.CopyFromRows([][]any{{"a"}, {"b"}})))
	want := tracer{
		sql:   []string{"acme SELECT body FROM notes", "acme SELECT 1/0", "acme COPY"},
		codes: []tenant.Code{"", tenant.CodeInvalid, ""},
		rows:  []int64{1, 0, 2},
	}
	if !equal(tr.sql, want.sql) || !equal(tr.codes, want.codes) || !equal(tr.rows, want.rows) {
		t.Errorf("%q %q %v", tr.sql, tr.codes, tr.rows)
	}
}

func equal[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// A tenant that moved is found on its new node, by any kind of statement.
func TestRelocation(t *testing.T) {
	t.Parallel()
	here, there := open(t, tenant.Config{}), tenanttest.Database(t)
	moved := here.Tenants[0]
	asked := 0
	db, err := tenant.Open(t.Context(), tenant.Config{
		// The schema is on the node "new"; the catalog's old word is the default.
		Nodes: map[string]string{tenant.DefaultNode: there.RuntimeURL, "new": here.RuntimeURL},
		Locate: func(_ context.Context, t tenant.Tenant) (tenant.Tenant, error) {
			asked++
			t.Node = "new"
			return t, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	for range 2 {
		q := bind(t, db, moved)
		for range 3 {
			if got := must[string](t)(one[string](t.Context(), q, "SELECT body FROM notes")); got != moved.Schema() {
				t.Error(got)
			}
		}
	}
	q := bind(t, db, moved)
	err = q.InTx(t.Context(), tenant.TxOptions{MaxAttempts: 2}, func(ctx context.Context, tx *tenant.Querier) error {
		_, err := tx.Exec(ctx, "SELECT body FROM notes")
		return err
	})
	if err != nil || asked != 3 {
		t.Errorf("%v, asked %d times where the tenant is, want 3", err, asked)
	}
	_, err = bind(t, db, moved).Exec(t.Context(), "SELECT * FROM nowhere")
	wantCode(t, err, tenant.CodeSchema)
}
