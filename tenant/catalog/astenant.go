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

// ActionExec is what [Catalog.AsTenant] writes to the audit.
const ActionExec = "exec"

// defaultExecTimeout bounds statements that nobody has bounded.
const defaultExecTimeout = 30 * time.Second

// ExecParams say how work is done in a tenant's place.
type ExecParams struct {
	// Timeout bounds each statement. Zero means 30 seconds.
	Timeout time.Duration
	// DryRun undoes the work when it is done, and writes nothing to the audit.
	DryRun bool
	// Work does it, as the tenant's role and with the tenant's schema alone in the
	// search_path, and returns what the audit is to say of it. See [Catalog.Note]
	// for what that must not be. It must not end the transaction.
	Work func(ctx context.Context, tx pgx.Tx) (details any, err error)
}

// errDryRun undoes what was done.
var errDryRun = errors.New("dry run")

// AsTenant does work in a tenant's place, for maintenance: in one transaction with
// its entry in the audit, so that what is written there has happened. Within a run
// (see [WithRun]) it is done once for each tenant, however often it is asked for;
// whether it was done now is what AsTenant returns.
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
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		before, err := ranBefore(ctx, tx, r.ID)
		if err != nil || before {
			return err
		}
		details, err := inPlace(ctx, tx, r, p)
		if err != nil {
			return err
		}
		done = true
		if p.DryRun {
			return errDryRun
		}
		return c.Note(ctx, tx, ActionExec, r.ID, details)
	})
	if errors.Is(err, errDryRun) {
		err = nil
	}
	if err != nil {
		return false, wrap(err, "exec for "+ref.String())
	}
	return done, nil
}

// ranBefore tells whether the run has done its work for the tenant, and keeps
// others of the run from doing it until the transaction ends.
func ranBefore(ctx context.Context, tx pgx.Tx, id tenant.ID) (before bool, err error) {
	run := runOf(ctx)
	if run == "" {
		return false, nil
	}
	_, err = tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('bailiwick run ' || $1 || $2, 0))", run, id.String())
	if err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM bailiwick.audit WHERE run = $1 AND tenant_id = $2::uuid AND action = $3)",
		run, id.String(), ActionExec).Scan(&before)
	return before, err
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
	return execAll(ctx, tx, "GRANT "+tenant.QuoteIdent(role)+" TO CURRENT_USER"+options)
}
