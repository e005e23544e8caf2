package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// poolerPatience is how long a second connection waits for a server connection
// of a pooler that has but one.
const poolerPatience = 3 * time.Second

// examinePooler finds out what stands between a service and PostgreSQL. It sees
// only what a client can see: whose process answers, and whether it stays.
func examinePooler(ctx context.Context, d *database) Report {
	url := d.URL
	if url == "" {
		return findings(connectionArea, "pooler", skipf("give the runtime role's connection string to look for a pooler"), nil)
	}
	outcomes, err := probePooler(ctx, url, d.Unnamed)
	return findings(connectionArea, "pooler", outcomes, err)
}

// pair is two clients of what may be a pooler.
type pair struct{ a, b *pgx.Conn }

func probePooler(ctx context.Context, url string, unnamed bool) (outcomes []outcome, err error) {
	var p pair
	defer func() {
		for _, conn := range []*pgx.Conn{p.a, p.b} {
			if conn != nil {
				_ = conn.Close(context.WithoutCancel(ctx)) // whatever state a probe left it in
			}
		}
	}()
	if p.a, err = dial(ctx, url); err != nil {
		return nil, err
	}
	backend, err := backendOf(ctx, p.a)
	if err != nil {
		return nil, err
	}
	if backend == p.a.PgConn().PID() {
		if unnamed {
			return warnf("unset DATABASE_UNNAMED: named statements keep their plans", "there is no pooler, and DATABASE_UNNAMED is set"), nil
		}
		return okf("none: the connection leads to PostgreSQL itself"), nil
	}
	if p.b, err = dial(ctx, url); err != nil {
		return nil, err
	}
	return p.mode(ctx, unnamed)
}

// backendOf is the process that answers; a pooler tells its clients another number.
func backendOf(ctx context.Context, q querier) (pid uint32, err error) {
	err = q.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}

func (p pair) mode(ctx context.Context, unnamed bool) ([]outcome, error) {
	tx, err := p.a.Begin(ctx)
	if err != nil {
		return failf("pool_mode = transaction", "a pooler refuses transactions (%s): statement mode cannot hold a tenant's role", oneLine(err)), nil
	}
	if err := tx.Rollback(ctx); err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, poolerPatience)
	defer cancel()
	shares, err := p.shares(waiting)
	if waiting.Err() != nil || err == nil && !shares {
		return okf("a pooler in session mode: it works like PostgreSQL itself, and each client keeps a server connection"), nil
	}
	if err != nil {
		return nil, err
	}
	named, err := p.carriesNames(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case named && unnamed:
		return warnf("unset DATABASE_UNNAMED: named statements keep their plans", "a pooler in transaction mode that carries prepared statements, and DATABASE_UNNAMED is set"), nil
	case named:
		return okf("a pooler in transaction mode that carries prepared statements"), nil
	case unnamed:
		return okf("a pooler in transaction mode without prepared statements, and DATABASE_UNNAMED is set"), nil
	}
	return failf("set DATABASE_UNNAMED=true for the service (tenant.Config.Unnamed), or max_prepared_statements in PgBouncer 1.21 or newer",
		"a pooler in transaction mode that does not carry prepared statements over its server connections"), nil
}

// shares tells whether clients take turns on server connections. Each begins a
// transaction, so that two are in use, and they end in the order in which they
// began: whoever comes first afterwards is given the one that was used last.
func (p pair) shares(ctx context.Context) (bool, error) {
	before, err := backendOf(ctx, p.a)
	if err != nil {
		return false, err
	}
	other, err := backendOf(ctx, p.b)
	if err != nil || before == other {
		return before == other, err
	}
	txA, err := p.a.Begin(ctx)
	if err != nil {
		return false, err
	}
	first, err := backendOf(ctx, txA)
	if err != nil {
		return false, err
	}
	txB, err := p.b.Begin(ctx)
	if err != nil {
		return false, err
	}
	if err := txA.Rollback(ctx); err != nil {
		return false, err
	}
	if err := txB.Rollback(ctx); err != nil {
		return false, err
	}
	after, err := backendOf(ctx, p.a)
	return first != before || after != before, err
}

// Errors of a name that another client's statement has, and of one that is
// known to another server connection only.
const (
	duplicateStatement = "42P05"
	unknownStatement   = "26000"
)

// carriesNames gives both clients a statement of the same name and different
// texts: where the pooler keeps names apart, each gets its own answer.
func (p pair) carriesNames(ctx context.Context) (bool, error) {
	name := "bailiwick_doctor_" + tenant.NewID().SchemaName()
	for i, conn := range []*pgx.Conn{p.a, p.b} {
		_, err := conn.Prepare(ctx, name, fmt.Sprintf("SELECT %d", i+1))
		if state := sqlState(err); state == duplicateStatement || state == unknownStatement {
			return false, p.forget(ctx, name)
		}
		if err != nil {
			return false, err
		}
	}
	own := true
	for i, conn := range []*pgx.Conn{p.b, p.a} {
		var answer int
		err := conn.QueryRow(ctx, name, pgx.QueryExecModeCacheStatement).Scan(&answer)
		if state := sqlState(err); err != nil && state != unknownStatement {
			return false, err
		}
		own = own && err == nil && answer == 2-i
	}
	return own, p.forget(ctx, name)
}

// forget takes the statement off the server connections again, as far as the
// pooler leads there; its name is used by nobody else.
func (p pair) forget(ctx context.Context, name string) error {
	for _, conn := range []*pgx.Conn{p.a, p.b} {
		if err := conn.Deallocate(ctx, name); err != nil && sqlState(err) != unknownStatement {
			return err
		}
	}
	return nil
}
