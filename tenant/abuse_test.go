package tenant_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// What a batch gave is over once the next result is asked for or the batch is
// closed: the connection's reader is another's then.
func TestBatchRowsDoNotOutliveTheirResult(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{MaxConns: 1})
	acme, globex := bind(t, db.DB, db.Tenants[0]), bind(t, db.DB, db.Tenants[1])
	const bodies = "SELECT body FROM notes, pg_catalog.generate_series(1, 5)"
	batch := &pgx.Batch{}
	batch.Queue(bodies)
	batch.Queue("SELECT 'second' FROM pg_catalog.generate_series(1, 2)")
	results := acme.SendBatch(t.Context(), batch)
	first := must[pgx.Rows](t)(results.Query())
	first.Next()
	second := must[pgx.Rows](t)(results.Query())
	if first.Next() {
		t.Error("the first result goes on within the second")
	}
	n := 0
	for second.Next() {
		n++
	}
	if n != 2 {
		t.Errorf("%d rows of the second result", n)
	}
	if err := results.Close(); err != nil {
		t.Fatal(err)
	}

	results = acme.SendBatch(t.Context(), batch)
	stale := must[pgx.Rows](t)(results.Query())
	stale.Next()
	if err := results.Close(); err != nil {
		t.Fatal(err)
	}
	theirs := must[pgx.Rows](t)(globex.Query(t.Context(), bodies))
	n = 0
	for theirs.Next() {
		n++
		var body string
		if stale.Next() || stale.Scan(&body) == nil || stale.RawValues() != nil {
			t.Errorf("a closed batch reads %q", body)
		}
	}
	if n != 5 || theirs.Err() != nil {
		t.Errorf("%d rows, %v", n, theirs.Err())
	}
}

type bomb struct{ goexit bool }

func (b bomb) explode() {
	if b.goexit {
		runtime.Goexit()
	}
	panic("on purpose")
}

func (b bomb) Scan(any) error               { b.explode(); return nil }
func (b bomb) Value() (driver.Value, error) { b.explode(); return "", nil }
func (b bomb) Next() bool                   { b.explode(); return false }
func (b bomb) Values() ([]any, error)       { return nil, nil }
func (b bomb) Err() error                   { return nil }

// Whatever blows up in the caller's own code, its connection is not lost.
func TestPanicsLoseNoConnection(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		single := tenant.Config{URL: db.RuntimeURL, MaxConns: 1}
		pool, err := tenant.Open(t.Context(), single)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		q := bind(t, pool, db.Tenants[0])
		ctx := t.Context()
		for _, goexit := range []bool{false, true} {
			b := bomb{goexit}
			acts := map[string]func(){
				"scan":     func() { _ = q.QueryRow(ctx, "SELECT body FROM notes").Scan(&b) },
				"argument": func() { _, _ = q.Exec(ctx, "SELECT $1::text", b) },
				"batch": func() {
					batch := &pgx.Batch{}
					batch.Queue("SELECT $1::text", b)
					_ = q.SendBatch(ctx, batch).Close()
				},
				"callback": func() {
					batch := &pgx.Batch{}
					batch.Queue("SELECT 1").Exec(func(pgconn.CommandTag) error { b.explode(); return nil })
					_ = q.SendBatch(ctx, batch).Close()
				},
				"copy": func() { _, _ = q.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"body"}, b) },
				"transaction": func() {
					_ = q.InTx(ctx, tenant.TxOptions{}, func(context.Context, *tenant.Querier) error { b.explode(); return nil })
				},
			}
			for name, act := range acts {
				done := make(chan any, 1)
				go func() {
					defer func() { done <- recover() }()
					act()
				}()
				if got := <-done; !goexit && got == nil {
					t.Errorf("%s: the panic did not come through", name)
				}
				within, cancel := context.WithTimeout(ctx, 20*time.Second)
				if _, err := one[string](within, q, "SELECT body FROM notes"); err != nil {
					t.Fatalf("%s (goexit %t): the connection is lost: %v", name, goexit, err)
				}
				cancel()
			}
		}
	})
}

// slowSource gives rows for ever, and says whether it was used after its time.
type slowSource struct {
	cancel context.CancelFunc
	rows   int
	over   bool
	late   bool
}

func (s *slowSource) Next() bool {
	s.late = s.late || s.over
	if s.rows++; s.rows == 20_000 {
		s.cancel()
	}
	return true
}
func (s *slowSource) Values() ([]any, error) { return []any{"x"}, nil }
func (s *slowSource) Err() error             { return nil }

// A source is left alone once CopyFrom has returned, and a copy that was
// cancelled leaves nothing.
func TestCopyIsOverWhenItReturns(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{MaxConns: 1})
	q := bind(t, db.DB, db.Tenants[0])
	ctx, cancel := context.WithCancel(t.Context())
	source := &slowSource{cancel: cancel}
	_, err := q.CopyFrom(ctx, pgx.Identifier{"notes"}, []string{"body"}, source)
	source.over = true
	wantCode(t, err, tenant.CodeCanceled)
	if n := count(t, q, "true"); n != 1 || source.late {
		t.Errorf("%d rows, used after its time: %t", n, source.late)
	}
}

// Values stay out of errors, which are logged.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	type secret struct{ Word string }
	_, execErr := q.Exec(t.Context(), "SELECT $1::int", secret{"hunter2"})
	_, copyErr := q.CopyFrom(t.Context(), pgx.Identifier{"kinds"}, []string{"id"}, pgx.CopyFromRows([][]any{{secret{"hunter2"}}}))
	for _, err := range []error{execErr, copyErr} {
		if wantCode(t, err, tenant.CodeInvalid); strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	}
}

// A savepoint whose statement failed unnoticed is undone, and the transaction goes on.
func TestSavepointAfterSwallowedError(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	err := q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
		err := tx.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, inner *tenant.Querier) error {
			_, _ = inner.Exec(ctx, "SELECT 1/0")
			return nil
		})
		wantCode(t, err, tenant.CodeInternal)
		_, err = tx.Exec(ctx, "INSERT INTO notes (body) VALUES ('after')")
		return err
	})
	if err != nil || count(t, q, "body = 'after'") != 1 {
		t.Error(err)
	}
}

func TestTimeoutBounds(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	// It counts as a millisecond, and not as none. A slow machine takes longer than
	// that to open the database.
	hasty, err := tenant.Open(t.Context(), tenant.Config{URL: db.RuntimeURL, StatementTimeout: time.Microsecond})
	for deadline := time.Now().Add(time.Minute); tenant.CodeOf(err) == tenant.CodeTimeout && time.Now().Before(deadline); {
		hasty, err = tenant.Open(t.Context(), tenant.Config{URL: db.RuntimeURL, StatementTimeout: time.Microsecond})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hasty.Close)
	_, err = bind(t, hasty, db.Tenants[0]).Exec(t.Context(), "SELECT pg_catalog.pg_sleep(10)")
	wantCode(t, err, tenant.CodeTimeout)
	_, err = tenant.Open(t.Context(), tenant.Config{URL: db.RuntimeURL, StatementTimeout: 600 * time.Hour})
	wantCode(t, err, tenant.CodeInvalid)
}

// Mistakes of the caller are told from a database that is out of reach.
func TestMistakesAreNotUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	_, err := q.Exec(t.Context(), "SELECT '\x00'")
	wantCode(t, err, tenant.CodeRefused)
	_, err = q.Exec(t.Context(), "SELECT 1", make([]any, 70_000)...)
	wantCode(t, err, tenant.CodeInvalid)
	err = q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
		_, _ = tx.Query(ctx, "SELECT 1")
		_, err := tx.Exec(ctx, "SELECT 2")
		wantCode(t, err, tenant.CodeInternal)
		return err
	})
	var e *tenant.Error
	if wantCode(t, err, tenant.CodeInternal); !errors.As(err, &e) || error(e) != err { //nolint:errorlint // The error itself is what is looked at.
		t.Errorf("%T is not an *Error itself", err)
	}
}

// A connection whose reported settings were changed serves nobody else.
func TestChangedSettingsEndTheConnection(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{MaxConns: 1})
	schema := db.Tenants[0].Schema()
	asRole(t, db.SuperURL, `GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC;
		CREATE FUNCTION `+schema+`.spoil() RETURNS text LANGUAGE sql AS $$
			SELECT pg_catalog.set_config('default_transaction_read_only', 'on', false) || pg_catalog.set_config('DateStyle', 'German', false) $$;
		GRANT EXECUTE ON FUNCTION `+schema+`.spoil() TO `+schema)
	must[string](t)(one[string](t.Context(), bind(t, db.DB, db.Tenants[0]), "SELECT spoil()"))
	globex := bind(t, db.DB, db.Tenants[1])
	must[any](t)(globex.Exec(t.Context(), "INSERT INTO notes (body) VALUES ('written')"))
}
