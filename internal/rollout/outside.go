package rollout

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// errBusy says that another session works outside of a transaction on the schema,
// such as one whose client has died.
var errBusy = errors.New("another session is working on the schema")

// concurrently matches the beginning of what makes an index that way.
var concurrently = regexp.MustCompile(`(?i)^(\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+)CONCURRENTLY\s`)

// plain gives the statements of a step as they can be in a transaction: they make
// indexes of small tables, and none was begun before. Otherwise there are none.
func (r *run) plain(ctx context.Context, c *connection, t *target, step plan.Step) ([]string, error) {
	statements := r.bind(t, step.Statements)
	for i, statement := range statements {
		what, err := parseOutside(statement)
		if err != nil {
			return nil, err
		}
		if what.table == "" || !concurrently.MatchString(statement) {
			return nil, nil
		}
		schema := tenant.QuoteIdent(t.Schema) + "."
		small, err := c.value(ctx, fmt.Sprintf(`
			SELECT coalesce(pg_catalog.pg_table_size(pg_catalog.to_regclass(%s)) <= %d, false) AND pg_catalog.to_regclass(%s) IS NULL`,
			literal(schema+tenant.QuoteIdent(what.table)), r.config.SmallTable, literal(schema+tenant.QuoteIdent(what.index))))
		if err != nil || small != "t" {
			return nil, err
		}
		statements[i] = concurrently.ReplaceAllString(statement, "$1")
	}
	return statements, nil
}

// outside runs a statement that can't be in a transaction, unless it makes an index
// of a small table. It may have been run
// before and the process killed, so what is there is looked at first. A session's
// lock takes the place of the transaction's; whatever goes wrong, the connection
// is closed, and with it go lock and settings.
func (r *run) outside(ctx context.Context, c *connection, t *target, step plan.Step, last bool) (err error) {
	statements, err := r.plain(ctx, c, t, step)
	if err != nil {
		return err
	}
	if statements != nil {
		return r.inTransaction(ctx, c, t, statements, t.Step+1, last)
	}
	conn, err := c.get(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close(ctx))
		}
	}()
	pid, err := c.value(ctx, "SELECT pg_catalog.pg_backend_pid()")
	if err != nil {
		return err
	}
	if pid != strconv.FormatUint(uint64(conn.PID()), 10) {
		return &statementError{statement: step.Statements[0], err: errors.New("the statement can't run in a transaction, and the connection is a pooler's: " +
			"let DATABASE_OWNER_URL lead to PostgreSQL itself")}
	}
	// Who waits for a lock has a snapshot, which CREATE INDEX CONCURRENTLY waits
	// for: hence no waiting.
	locked, err := c.value(ctx, fmt.Sprintf("SELECT pg_catalog.pg_try_advisory_lock(%d)", catalog.SchemaLock(t.Schema)))
	if err != nil {
		return err
	}
	if locked != "t" {
		return errBusy
	}
	// From here on the schema may be between two states, which the ledger's row
	// has to say beforehand: see untouched.
	claimed, err := c.value(ctx, `WITH claimed AS (
		UPDATE bailiwick.rollout_targets AS t SET started_at = coalesce(t.started_at, pg_catalog.now())
		FROM bailiwick.rollouts AS r WHERE `+r.claimable(t)+` RETURNING 1)
		SELECT count(*) FROM claimed`)
	if err != nil {
		return err
	}
	if claimed != "1" {
		return errClaim
	}
	t.Begun = true
	for _, statement := range r.bind(t, step.Statements) {
		if err := r.repeatable(ctx, c, t, statement); err != nil {
			return &statementError{statement: statement, err: err}
		}
	}
	if err := r.inTransaction(ctx, c, t, nil, t.Step+1, last); err != nil {
		return err
	}
	_, err = c.exec(ctx, []string{fmt.Sprintf("SELECT pg_catalog.pg_advisory_unlock(%d)", catalog.SchemaLock(t.Schema)), "RESET ALL"})
	return err
}

// repeatable runs a statement that may have been run before, wholly or halfway.
func (r *run) repeatable(ctx context.Context, c *connection, t *target, statement string) error {
	what, err := parseOutside(statement)
	if err != nil {
		return err
	}
	// Nobody is kept out by such a statement while it waits, so it may.
	_, err = c.exec(ctx, []string{
		"SET search_path = " + tenant.QuoteIdent(t.Schema) + ", pg_temp",
		"SET lock_timeout = 0",
		fmt.Sprintf("SET statement_timeout = %d", r.config.OutsideTimeout.Milliseconds()),
	})
	if err != nil {
		return err
	}
	if what.index == "" {
		_, err := c.exec(ctx, []string{statement})
		return err
	}
	name := tenant.QuoteIdent(t.Schema) + "." + tenant.QuoteIdent(what.index)
	state, err := c.value(ctx, fmt.Sprintf(
		"SELECT coalesce((SELECT indisvalid::text FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass(%s)), 'none')", literal(name)))
	if err != nil {
		return err
	}
	switch {
	case what.drops && state == "none", !what.drops && state == "true":
		return nil // done before
	case !what.drops && state == "false": // broken off before
		if _, err := c.exec(ctx, []string{"DROP INDEX CONCURRENTLY " + name}); err != nil {
			return err
		}
	}
	_, err = c.exec(ctx, []string{statement})
	if err != nil && !what.drops && stateOf(err) != "" {
		// What is left would slow writes down, and a unique one refuse some.
		_, errDrop := c.exec(ctx, []string{"DROP INDEX CONCURRENTLY IF EXISTS " + name})
		return errors.Join(err, errDrop)
	}
	return err
}

// value asks for one value, as text.
func (c *connection) value(ctx context.Context, sql string) (string, error) {
	conn, err := c.get(ctx)
	if err != nil {
		return "", err
	}
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return "", fmt.Errorf("no value: %s", sql)
	}
	return string(results[0].Rows[0][0]), nil
}
