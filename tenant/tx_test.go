package tenant_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func count(t *testing.T, q *tenant.Querier, where string) int {
	t.Helper()
	return must[int](t)(one[int](t.Context(), q, "SELECT count(*)::int FROM notes WHERE "+where))
}

func TestInTxCommitsAndRollsBack(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		q := bind(t, db.DB, db.Tenants[0])
		insert := func(body string, result error) error {
			return q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				if _, err := tx.Exec(ctx, "INSERT INTO notes (body) VALUES ($1)", body); err != nil {
					return err
				}
				return result
			})
		}
		if err := insert("kept", nil); err != nil {
			t.Error(err)
		}
		own := errors.New("own")
		if err := insert("undone", own); !errors.Is(err, own) {
			t.Errorf("got %v, want fn's own error", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not come through")
				}
			}()
			_ = q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				if _, err := tx.Exec(ctx, "INSERT INTO notes (body) VALUES ('panicked')"); err != nil {
					t.Error(err)
				}
				panic("on purpose")
			})
		}()
		if n := count(t, q, "body = 'kept'"); n != 1 {
			t.Errorf("%d kept", n)
		}
		if n := count(t, q, "body IN ('undone', 'panicked')"); n != 0 {
			t.Errorf("%d not rolled back", n)
		}
	})
}

func TestInTxOptions(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	err := q.InTx(t.Context(), tenant.TxOptions{Isolation: pgx.RepeatableRead, ReadOnly: true}, func(ctx context.Context, tx *tenant.Querier) error {
		level := must[string](t)(one[string](ctx, tx, "SELECT pg_catalog.current_setting('transaction_isolation')"))
		if level != "repeatable read" {
			t.Errorf("isolation level %q", level)
		}
		_, err := tx.Exec(ctx, "DELETE FROM notes")
		return err
	})
	if err == nil || count(t, q, "true") != 1 {
		t.Errorf("a read-only transaction wrote: %v", err)
	}
	noop := func(context.Context, *tenant.Querier) error { return nil }
	wantCode(t, q.InTx(t.Context(), tenant.TxOptions{Isolation: "serializable; DROP TABLE notes"}, noop), tenant.CodeInvalid)
	outer := tenant.TxOptions{Isolation: pgx.RepeatableRead}
	for _, c := range []struct {
		outer, inner tenant.TxOptions
		want         tenant.Code
	}{
		{tenant.TxOptions{}, tenant.TxOptions{ReadOnly: true}, tenant.CodeInternal},
		{tenant.TxOptions{}, outer, tenant.CodeInternal},
		{outer, tenant.TxOptions{Isolation: pgx.Serializable}, tenant.CodeInternal},
		{outer, outer, ""},
		{outer, tenant.TxOptions{MaxAttempts: 7}, ""},
		{tenant.TxOptions{ReadOnly: true}, tenant.TxOptions{ReadOnly: true}, ""},
	} {
		err = q.InTx(t.Context(), c.outer, func(ctx context.Context, tx *tenant.Querier) error {
			return tx.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				return tx.InTx(ctx, c.inner, noop)
			})
		})
		if got := tenant.CodeOf(err); got != c.want {
			t.Errorf("%+v in %+v: %v", c.inner, c.outer, err)
		}
	}
}

// Two transactions that read what the other writes can't both be serializable:
// the loser runs again and sees the winner's row.
func TestInTxRetriesSerializationFailure(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	var wg, met sync.WaitGroup
	met.Add(2)
	runs := make([]int, 2)
	for i := range runs {
		wg.Go(func() {
			err := q.InTx(t.Context(), tenant.TxOptions{Isolation: pgx.Serializable}, func(ctx context.Context, tx *tenant.Querier) error {
				runs[i]++
				n, err := one[int](ctx, tx, "SELECT count(*)::int FROM notes")
				if err != nil {
					return err
				}
				if runs[i] == 1 {
					met.Done()
					met.Wait()
				}
				_, err = tx.Exec(ctx, "INSERT INTO notes (body) SELECT $1::int::text", n)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs[0]+runs[1] < 3 || count(t, q, "true") != 3 || count(t, q, "body = '2'") != 1 {
		t.Errorf("runs %v, %d notes", runs, count(t, q, "true"))
	}
}

func TestInTxRetriesDeadlock(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{})
	q := bind(t, db.DB, db.Tenants[0])
	must[any](t)(q.Exec(t.Context(), "INSERT INTO notes (id, body) VALUES (2, 'two')"))
	var wg, met sync.WaitGroup
	met.Add(2)
	runs := make([]int, 2)
	for i := range runs {
		wg.Go(func() {
			err := q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				runs[i]++
				const update = "UPDATE notes SET body = body || '+' WHERE id = $1"
				if _, err := tx.Exec(ctx, update, int64(1+i)); err != nil {
					return err
				}
				if runs[i] == 1 {
					met.Done()
					met.Wait()
				}
				_, err := tx.Exec(ctx, update, int64(2-i))
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs[0]+runs[1] < 3 || count(t, q, "body LIKE '%++' AND body NOT LIKE '%+++'") != 2 {
		t.Errorf("runs %v", runs)
	}
	once := 0
	err := q.InTx(t.Context(), tenant.TxOptions{MaxAttempts: 1}, func(context.Context, *tenant.Querier) error {
		once++
		return &tenant.Error{Code: tenant.CodeSerialization}
	})
	if wantCode(t, err, tenant.CodeSerialization); once != 1 {
		t.Errorf("%d attempts, want 1", once)
	}
}

// A statement's error may not be swallowed, a deferred constraint speaks at
// commit, and a transaction that was led elsewhere does not commit.
func TestInTxDoesNotCommit(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		// As on a server that nobody could harden.
		asRole(t, db.SuperURL, "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC")
		q := bind(t, db.DB, db.Tenants[0])
		other := db.Tenants[1].Schema()
		cases := map[string]struct {
			code tenant.Code
			sql  string
		}{
			"swallowed error":     {tenant.CodeInternal, "SELECT 1/0"},
			"deferred constraint": {tenant.CodeConflict, "INSERT INTO links VALUES (1, 404)"},
			"other path":          {tenant.CodeRefused, "SELECT wander('" + other + "')"},
			"other role":          {tenant.CodeRefused, "SELECT become('" + other + "')"},
			"no role":             {tenant.CodeRefused, "SELECT become('none')"},
		}
		for name, c := range cases {
			err := q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
				must[any](t)(tx.Exec(ctx, "INSERT INTO notes (body) VALUES ('lost')"))
				_, _ = tx.Exec(ctx, c.sql)
				return nil
			})
			if t.Log(name); tenant.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		if n := count(t, q, "body = 'lost'"); n != 0 {
			t.Errorf("%d transactions committed", n)
		}
		// Outside InTx a deferred constraint speaks at the end of the statement.
		_, err := q.Exec(t.Context(), "INSERT INTO links VALUES (1, 404)")
		wantCode(t, err, tenant.CodeConflict)
	})
}

func TestSavepoint(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, db *tenanttest.DB) {
		q := bind(t, db.DB, db.Tenants[0])
		err := q.InTx(t.Context(), tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
			for _, body := range []string{"a", "bad", "b"} {
				err := tx.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, inner *tenant.Querier) error {
					if _, err := inner.Exec(ctx, "INSERT INTO notes (body) VALUES ($1)", body); err != nil {
						return err
					}
					_, err := inner.Exec(ctx, "SELECT 1 / $1::int", map[bool]int{true: 0, false: 1}[body == "bad"])
					return err
				})
				if (err != nil) != (body == "bad") {
					t.Errorf("%s: %v", body, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if a, bad := count(t, q, "body IN ('a', 'b')"), count(t, q, "body = 'bad'"); a != 2 || bad != 0 {
			t.Errorf("%d good, %d bad rows", a, bad)
		}
	})
}

// A schema that changes under a transaction makes it run again, once.
func TestInTxRetriesChangedSchema(t *testing.T) {
	t.Parallel()
	db := open(t, tenant.Config{MaxConns: 1})
	q := bind(t, db.DB, db.Tenants[0])
	const all = "SELECT * FROM notes"
	read := func(tx *tenant.Querier) (int, error) {
		rows, err := tx.Query(t.Context(), all)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		return len(rows.FieldDescriptions()), rows.Err()
	}
	for want, ddl := range []string{2: "", 3: "ADD more text", 4: "ADD still int"} {
		if want < 2 {
			continue
		}
		if ddl != "" {
			asOwner(t, db, "ALTER TABLE "+db.Tenants[0].Schema()+".notes "+ddl)
		}
		err := q.InTx(t.Context(), tenant.TxOptions{}, func(_ context.Context, tx *tenant.Querier) error {
			got, err := read(tx)
			if err == nil && got != want {
				t.Errorf("%d columns, want %d", got, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if got, err := read(q); err != nil || got != want {
			t.Errorf("%d columns, %v", got, err)
		}
	}
}

func asOwner(t *testing.T, db *tenanttest.DB, sql string) {
	t.Helper()
	asRole(t, db.OwnerURL, sql)
}

func asRole(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), sql)
	if err := errors.Join(err, conn.Close(context.WithoutCancel(t.Context()))); err != nil {
		t.Fatal(err)
	}
}
