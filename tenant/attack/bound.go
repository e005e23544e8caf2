package attack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// interleaved is how many queries of two tenants take turns on one connection.
const interleaved = 500

// bound are attacks 12 to 17 and 38 through the library, on one connection, so that what
// an attack leaves behind meets the next query.
func (c *campaign) bound(ctx context.Context) (err error) {
	numbers := []int{12, 13, 14, 15, 16, 17, 38}
	if c.RuntimeURL == "" {
		for _, n := range numbers {
			c.skip(n, "SQL by a bound querier", "needs the runtime role's connection string: Target.RuntimeURL")
		}
		return nil
	}
	at, err := c.connect(ctx)
	if err != nil {
		return err
	}
	if err := at.conn.Close(ctx); err != nil {
		return fmt.Errorf("close the connection: %w", err)
	}
	db, err := tenant.Open(ctx, tenant.Config{URL: c.RuntimeURL, MaxConns: 1, StatementTimeout: time.Second, Unnamed: true})
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	s := &binding{c, at, db}
	for _, try := range []func(context.Context) error{s.settings, s.turncoats, s.interrupted, s.halves, s.strangers, s.closed, s.turns} {
		if err := try(ctx); err != nil {
			return err
		}
	}
	return nil
}

type binding struct {
	*campaign
	*place

	db *tenant.DB
}

// run runs a statement as a tenant and gives its first column.
func (s *binding) run(ctx context.Context, t tenant.Tenant, sql string) (got string, err error) {
	q, err := s.db.Bind(t)
	if err != nil {
		return "", err
	}
	defer q.Close()
	rows, err := q.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return got, err
		}
		if len(values) > 0 {
			got += textOf(values[0])
		}
	}
	return got, rows.Err()
}

const whoAmI = "SELECT current_user || ' with ' || pg_catalog.current_setting('search_path')"

// binds is what whoAmI says when a tenant is bound as it should be.
func binds(t tenant.Tenant) string {
	return t.Schema() + " with " + tenant.QuoteIdent(t.Schema()) + ", pg_temp"
}

// intact tells what the next query runs as; it is empty when that is right.
func (s *binding) intact(ctx context.Context) string {
	for _, t := range []tenant.Tenant{s.a, s.b} {
		got, err := s.run(ctx, t, whoAmI)
		if err != nil || got != binds(t) {
			return fmt.Sprintf("the next query runs as %q, %v", got, err)
		}
	}
	return ""
}

func (s *binding) fill(sql string) string {
	return Statement{SQL: sql}.Fill(s.a, s.b, s.table).SQL
}

// denied runs a statement of A and wants one of the codes, and no trace of it.
func (s *binding) denied(ctx context.Context, attack int, name, sql string, codes ...tenant.Code) {
	_, err := s.run(ctx, s.a, sql)
	got := "it worked"
	if err != nil {
		got = string(tenant.CodeOf(err))
	}
	after := s.intact(ctx)
	if after != "" {
		got += "; " + after
	}
	safe := false
	for _, code := range codes {
		safe = safe || tenant.CodeOf(err) == code && err != nil
	}
	s.judge(attack, name, sql, got, safe && after == "", fmt.Sprint(codes))
}

func (s *binding) settings(ctx context.Context) error {
	for _, sql := range refused {
		s.denied(ctx, 14, "a setting by a bound querier", s.fill(sql), tenant.CodeRefused)
	}
	s.denied(ctx, 14, "two statements in one", s.fill("SELECT 1; SET ROLE {b}"), tenant.CodeRefused, tenant.CodeInvalid, tenant.CodeInternal)
	return nil
}

func (s *binding) turncoats(ctx context.Context) error {
	for _, sql := range turncoats {
		s.denied(ctx, 15, "a role or path by a query", s.fill(sql), tenant.CodeRefused, tenant.CodeForbidden)
	}
	return nil
}

func (s *binding) interrupted(ctx context.Context) error {
	s.denied(ctx, 13, "an error within a query", "SELECT 1 / (pg_catalog.length(current_user) - pg_catalog.length(current_user))", tenant.CodeInvalid)
	for _, attack := range []int{13, 38} {
		s.denied(ctx, attack, "a statement that takes too long", "SELECT pg_catalog.pg_sleep(10)", tenant.CodeTimeout)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := s.run(short, s.a, "SELECT pg_catalog.pg_sleep(30)")
	after := s.intact(ctx)
	s.judge(13, "a request that is cancelled", "SELECT pg_sleep(30)", strings.TrimPrefix(fmt.Sprint(tenant.CodeOf(err), "; ", after), "; "), err != nil && after == "", "an error, and nothing left behind")
	return nil
}

// errHalfway is what goes wrong in the middle of a transaction.
var errHalfway = errors.New("halfway")

// halves are transactions that end in the middle: nothing of them stays.
func (s *binding) halves(ctx context.Context) error {
	count, sql := s.fill("SELECT count(*)::text FROM {table}"), s.fill("DELETE FROM {table}")
	for _, half := range []struct {
		name string
		end  func() error
	}{
		{"an error within a transaction", func() error { return errHalfway }},
		{"a panic within a transaction", func() error { panic(errHalfway) }},
	} {
		before, errBefore := s.run(ctx, s.a, count)
		err := s.half(ctx, sql, half.end)
		after, errAfter := s.run(ctx, s.a, count)
		got, left := fmt.Sprintf("%v; of %s rows %s are left", err, before, after), s.intact(ctx)
		if trouble := errors.Join(errBefore, errAfter); trouble != nil {
			got = string(tenant.CodeOf(trouble))
		}
		s.judge(13, half.name, sql, strings.TrimSuffix(got+"; "+left, "; "),
			errors.Is(err, errHalfway) && errBefore == nil && errAfter == nil && after == before && left == "", "it is taken back, and nothing left behind")
	}
	return nil
}

// half runs a statement in a transaction of A that does not come to its end.
func (s *binding) half(ctx context.Context, sql string, end func() error) (err error) {
	q, err := s.db.Bind(s.a)
	if err != nil {
		return err
	}
	defer q.Close()
	defer func() {
		if thrown, ok := recover().(error); ok {
			err = thrown
		}
	}()
	return q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenant.Querier) error {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
		return end()
	})
}

// strangers binds tenants that are not there.
func (s *binding) strangers(ctx context.Context) error {
	sql := s.fill("SELECT count(*)::text FROM {table}")
	got, err := s.run(ctx, tenant.Tenant{ID: tenant.NewID()}, sql)
	s.judge(12, "a tenant without a schema", sql, fmt.Sprint(got, tenant.CodeOf(err)), tenant.CodeOf(err) == tenant.CodeSchema && got == "", string(tenant.CodeSchema))
	got, err = s.run(ctx, tenant.Tenant{}, sql)
	s.judge(12, "no tenant", sql, fmt.Sprint(got, tenant.CodeOf(err)), tenant.CodeOf(err) == tenant.CodeNoTenant && got == "", string(tenant.CodeNoTenant))
	got, err = s.run(ctx, s.a, whoAmI)
	s.judge(12, "the role and the search_path of a query", whoAmI, fmt.Sprint(got, tenant.CodeOf(err)), err == nil && got == binds(s.a), binds(s.a))
	sql = s.fill("SELECT name FROM plans")
	got, err = s.run(ctx, s.a, sql)
	s.judge(12, "a table of public by a bare name", sql, fmt.Sprint(got, tenant.CodeOf(err)), err != nil && got == "", string(tenant.CodeSchema))
	return nil
}

// closed uses a querier after its end, with another tenant's context, and opens
// another tenant's transaction within one.
func (s *binding) closed(ctx context.Context) error {
	q, err := s.db.Bind(s.a)
	if err != nil {
		return err
	}
	_, err = q.Exec(tenant.NewContext(ctx, s.b), "SELECT 1")
	s.judge(16, "a querier of A in B's context", "SELECT 1", string(tenant.CodeOf(err)), tenant.CodeOf(err) == tenant.CodeWrongTenant, string(tenant.CodeWrongTenant))
	err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, _ *tenant.Querier) error {
		other, err := s.db.Bind(s.b)
		if err != nil {
			return err
		}
		defer other.Close()
		ctx, cancel := context.WithTimeout(ctx, time.Second) // There is one connection: who does not refuse waits for it.
		defer cancel()
		_, err = other.Exec(ctx, "SELECT 1")
		return err
	})
	s.judge(16, "B's query within A's transaction", "SELECT 1", string(tenant.CodeOf(err)), tenant.CodeOf(err) == tenant.CodeWrongTenant, string(tenant.CodeWrongTenant))
	q.Close()
	_, err = q.Exec(ctx, "SELECT 1")
	s.judge(16, "a querier after its request", "SELECT 1", string(tenant.CodeOf(err)), tenant.CodeOf(err) == tenant.CodeClosed, string(tenant.CodeClosed))
	return nil
}

// turns lets two tenants take turns on one connection.
func (s *binding) turns(ctx context.Context) error {
	crossed := errors.New("")
	for i := range interleaved {
		t := []tenant.Tenant{s.a, s.b}[i%2]
		got, err := s.run(ctx, t, whoAmI)
		if err != nil || got != binds(t) {
			crossed = fmt.Errorf("query %d ran as %s%s", i, got, tenant.CodeOf(err))
			break
		}
	}
	got := "none crossed"
	if crossed.Error() != "" {
		got = crossed.Error()
	}
	s.judge(17, "two tenants take turns on one connection", fmt.Sprint(interleaved, " queries"), got, crossed.Error() == "", "no query of one runs as the other")
	return nil
}
