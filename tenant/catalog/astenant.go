package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// What [Catalog.AsTenant] writes to the audit: work that was done, work that was
// undone again, and work that has failed. The last two may have read.
const (
	ActionExec       = "exec"
	ActionDryExec    = "dry-exec"
	ActionFailedExec = "failed-exec"
)

// detailError is the property of an entry's details that has the code of the error
// of work that failed: what it says may hold the tenant's data.
const detailError = "error"

// defaultExecTimeout bounds statements that nobody has bounded.
const defaultExecTimeout = 30 * time.Second

// ExecParams say how work is done in a tenant's place.
type ExecParams struct {
	// Timeout bounds each statement. Zero means 30 seconds.
	Timeout time.Duration
	// DryRun undoes the work when it is done. What it has read cannot be undone, so
	// that the audit has it too, as [ActionDryExec].
	DryRun bool
	// Identity tells the work from any other, such as by the name of a query and its
	// arguments: a run is of one. The audit has a keyed hash of it.
	Identity string
	// Work does it, as the tenant's role and with the tenant's schema alone in the
	// search_path, and returns what the audit is to say of it, also beside an error:
	// what JSON makes an object of, or nil. See [Catalog.Note] for what that must not
	// be. It must not end the transaction.
	Work func(ctx context.Context, tx pgx.Tx) (details any, err error)
}

// AsTenant does work in a tenant's place, for maintenance: in one transaction with
// its entry in the audit, so that what is written there has happened. Within a run
// (see [WithRun]) it is done once for each tenant, however often it is asked for;
// whether it was done now is what AsTenant returns. A run that is of anything else,
// see [Catalog.SameRun], is CodeConflict. Dry runs are of no run.
//
// Work that fails is undone, but may have read, and PostgreSQL's errors quote what
// they are about: it has an entry of its own, [ActionFailedExec], which is written
// afterwards. Nothing is written where the process dies at work.
//
// The tenant must be active, suspended or offboarding. Work that leaves another
// role or search_path behind is CodeRefused, and undone. AsTenant does not look at
// SQL, and the connection is the owner's: statements must be linted as tenants'
// queries are. Services work through package tenant, whose role is weaker, but can
// therefore write no audit.
func (c *Catalog) AsTenant(ctx context.Context, ref Ref, p ExecParams) (done bool, err error) {
	r, err := c.Find(ctx, ref)
	if err != nil {
		return false, err
	}
	if !slices.Contains([]string{StateActive, StateSuspended, StateOffboarding}, r.State) {
		return false, failf(tenant.CodeConflict, "exec is not possible: tenant %s is %s", r.Slug, r.State)
	}
	mark, err := c.workMark(ctx, p.Identity)
	if err != nil {
		return false, wrap(err, "exec for "+ref.String())
	}
	w := &watched{do: p.Work}
	p.Work = w.work
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		if p.DryRun {
			details, err := undone(ctx, tx, r, p)
			if err != nil {
				return err
			}
			done = true
			return c.Note(ctx, tx, ActionDryExec, r.ID, details)
		}
		before, err := ranBefore(ctx, tx, r.ID, mark)
		if err != nil || before {
			return err
		}
		details, err := inPlace(ctx, tx, r, p)
		if err == nil {
			details, err = marked(details, mark)
		}
		if err != nil {
			return err
		}
		done = true
		return c.Note(ctx, tx, ActionExec, r.ID, details)
	})
	if err != nil {
		return false, wrap(c.noteFailed(ctx, r.ID, w, err), "exec for "+ref.String())
	}
	return done, nil
}

// watched is work of which it is known whether it was begun, and what it said.
type watched struct {
	do      func(ctx context.Context, tx pgx.Tx) (any, error)
	begun   bool
	details any
}

func (w *watched) work(ctx context.Context, tx pgx.Tx) (any, error) {
	w.begun = true
	var err error
	w.details, err = w.do(ctx, tx)
	return w.details, err
}

// noteFailed writes to the audit that work was begun and has failed, in a transaction
// of its own and also when ctx has ended. It returns the cause, with what came between.
func (c *Catalog) noteFailed(ctx context.Context, id tenant.ID, w *watched, cause error) error {
	if !w.begun {
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.LockTimeout)
	defer cancel()
	details, err := detailed(w.details, detailError, string(tenant.CodeOf(cause)))
	if err != nil {
		details = nil // They are what it has failed by.
	}
	err = c.inTx(ctx, func(tx pgx.Tx) error { return c.Note(ctx, tx, ActionFailedExec, id, details) })
	if err != nil {
		return errors.Join(cause, err)
	}
	return cause
}

// undone does the work and undoes it, within a transaction that goes on: the entry
// in the audit is of the same one.
func undone(ctx context.Context, tx pgx.Tx, r Record, p ExecParams) (details any, err error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return nil, err
	}
	details, err = inPlace(ctx, inner, r, p)
	return details, errors.Join(err, inner.Rollback(ctx))
}

// inPlace does the work as the tenant's role, and comes back.
func inPlace(ctx context.Context, tx pgx.Tx, r Record, p ExecParams) (details any, err error) {
	if err := becomeMember(ctx, tx, r.Schema); err != nil {
		return nil, err
	}
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = defaultExecTimeout
	}
	name := tenant.QuoteIdent(r.Schema)
	err = execAll(ctx, tx,
		fmt.Sprintf("SET LOCAL statement_timeout = %d", max(1, timeout.Milliseconds())),
		"SET LOCAL search_path = "+name+", pg_temp", "SET LOCAL ROLE "+name)
	if err != nil {
		return nil, err
	}
	bound, err := readBinding(ctx, tx)
	if err != nil {
		return nil, err
	}
	if details, err = p.Work(ctx, tx); err != nil {
		return nil, err
	}
	// Constraints that wait for the commit are checked as the tenant's role too.
	if err := execAll(ctx, tx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return nil, err
	}
	left, err := readBinding(ctx, tx)
	if err != nil {
		return nil, err
	}
	if left != bound {
		return nil, failf(tenant.CodeRefused, "the work left role %s and search_path %s behind, and must change neither", left.role, left.path)
	}
	return details, execAll(ctx, tx, "RESET ROLE", "SET LOCAL search_path = pg_catalog, pg_temp")
}

// binding is what makes a transaction a tenant's.
type binding struct{ role, path string }

func readBinding(ctx context.Context, tx pgx.Tx) (b binding, err error) {
	err = tx.QueryRow(ctx, "SELECT current_user::text, pg_catalog.current_setting('search_path')").Scan(&b.role, &b.path)
	return b, err
}

// becomeMember lets the owner role take on a tenant's role, for good: it owns all
// that the tenant has anyway. A superuser needs no leave.
func becomeMember(ctx context.Context, tx pgx.Tx, role string) error {
	right, options := "MEMBER", ""
	if serverVersion(tx) >= setOption {
		right, options = "SET", " WITH INHERIT FALSE, SET TRUE"
	}
	var may bool
	if err := tx.QueryRow(ctx, "SELECT pg_catalog.pg_has_role($1, $2)", role, right).Scan(&may); err != nil || may {
		return err
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		return execAll(ctx, tx, "GRANT "+tenant.QuoteIdent(role)+" TO CURRENT_USER"+options)
	})
	if stateOf(err) == "23505" {
		return nil // Who was at work for the tenant at the same time has committed the same.
	}
	return err
}
