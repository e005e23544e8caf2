package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/plan/objects"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// maxPasses bounds a trial. Each pass makes what the next one needs: half a dozen
// would be a deep schema.
const maxPasses = 30

// trial finds the statements that bring a scratch schema to a target, by trying
// them there: each in a savepoint, and again in the next pass when something was
// missing. The order that worked is the order of the plan.
type trial struct {
	World

	target []fingerprint.Object
	// mend ends the sentence about what can't be done.
	mend string
	// tables gives Atlas's statements from the schema as it is now. Nil leaves
	// tables to package objects too.
	tables func(ctx context.Context) ([]attempt, error)

	tx      pgx.Tx
	now     []fingerprint.Object
	changed bool     // since now was read
	pending []string // statements of the open transaction, as they are to be run
	steps   []Step
	// errors has the last error about a thing, by its kind and name.
	errors map[string]error
	// failed are errors of Atlas's statements in the last pass.
	failed []error
	// early are values for enums that something needs in the step that adds them.
	early []string
}

// attempt is a statement that is done as a whole or not at all.
type attempt struct {
	sql     string
	outside bool
}

// run works until the target is reached, and returns the steps; or until nothing
// more succeeds, and returns sentences about what is left.
func (t *trial) run(ctx context.Context) (steps []Step, refused []string, err error) {
	t.errors, t.changed = map[string]error{}, true
	if err := t.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer func() {
		if t.tx != nil {
			err = errors.Join(err, t.tx.Rollback(context.WithoutCancel(ctx)))
		}
	}()
	var last []fingerprint.Difference
	for range maxPasses {
		if t.changed {
			if err := t.read(ctx); err != nil {
				return nil, nil, err
			}
		}
		diff := fingerprint.Diff(t.now, t.target)
		if len(diff) == 0 {
			return t.steps, nil, t.end(ctx)
		}
		if slices.Equal(diff, last) {
			break // Statements that work, and do nothing.
		}
		last = diff
		progress, err := t.pass(ctx, diff)
		if err == nil && len(t.early) > 0 {
			last = nil
			progress, err = t.enlarge(ctx)
		}
		if err != nil {
			return nil, nil, err
		}
		if !progress {
			break
		}
	}
	// What did succeed stays, so that what depends on it is not refused too.
	return nil, t.left(), t.end(ctx)
}

// pass tries once whatever is different. It tells whether anything succeeded.
func (t *trial) pass(ctx context.Context, diff []fingerprint.Difference) (bool, error) {
	before := t.count()
	if t.tables == nil {
		return t.others(ctx, diff, before)
	}
	if err := t.clear(ctx, diff); err != nil {
		return false, err
	}
	attempts, err := t.tables(ctx)
	if err != nil {
		return false, err
	}
	outside, err := t.inside(ctx, attempts)
	if err != nil || len(t.early) > 0 {
		return false, err
	}
	if t.changed {
		if err := t.read(ctx); err != nil {
			return false, err
		}
	}
	if diff = fingerprint.Diff(t.now, t.target); len(diff) == 0 && len(outside) == 0 {
		return true, nil
	}
	if len(t.failed) > 0 || len(outside) > 0 {
		// What Atlas is yet to make is not made by others in a lesser way.
		diff = slices.DeleteFunc(diff, isTable)
	}
	progress, err := t.others(ctx, diff, before)
	if err != nil || progress || len(t.early) > 0 {
		return progress, err
	}
	if len(outside) > 0 {
		return t.concurrently(ctx, outside)
	}
	// Atlas does not get on. Perhaps its statement does more than it has to.
	return t.others(ctx, fingerprint.Diff(t.now, t.target), before)
}

// inside tries Atlas's statements, and returns those that run outside of
// transactions.
func (t *trial) inside(ctx context.Context, attempts []attempt) (outside []attempt, err error) {
	t.failed = nil
	for _, a := range attempts {
		if a.outside {
			outside = append(outside, a)
			continue
		}
		if err := t.try(ctx, a.sql); err != nil {
			if fatal(err) {
				return nil, err
			}
			t.failed = append(t.failed, err)
		}
	}
	return outside, nil
}

// Kinds of objects that package plan treats in a way of their own.
const (
	kindTable   fingerprint.Kind = "table"
	kindForeign fingerprint.Kind = "foreign table"
	kindColumn  fingerprint.Kind = "column"
	kindIndex   fingerprint.Kind = "index"
)

// isTable tells what Atlas knows.
func isTable(d fingerprint.Difference) bool {
	switch d.Kind {
	case kindTable, kindColumn, kindIndex, "constraint", "enum":
		return true
	}
	return false
}

// holdsRows tells what can't be dropped and made anew.
func holdsRows(d fingerprint.Difference) bool {
	return d.From != "" && d.To != "" && (d.Kind == kindTable || d.Kind == kindColumn || d.Kind == kindForeign)
}

// others makes what Atlas does not.
func (t *trial) others(ctx context.Context, diff []fingerprint.Difference, before int) (bool, error) {
	for _, c := range objects.Changes(diff, t.now, t.target) {
		err := t.change(ctx, c)
		if err != nil && fatal(err) {
			return false, err
		}
		if err != nil {
			t.errors[key(c.Difference)] = err
		} else {
			delete(t.errors, key(c.Difference))
		}
	}
	return t.count() > before, nil
}

// refusedError is why package objects has no statement.
type refusedError string

func (e refusedError) Error() string { return string(e) }

// change brings about one difference.
func (t *trial) change(ctx context.Context, c objects.Change) error {
	if c.Refused != "" {
		return refusedError(c.Refused)
	}
	if c.Kind == "extension" && c.From == "" && t.Schema != publicSchema {
		return refusedError(key(c.Difference) + ": a database has an extension once, so that one tenant at most could hold it; move it to the shared schema, by ALTER EXTENSION " + c.Name + " SET SCHEMA public where it is already")
	}
	var failed error
	if len(c.Alter) > 0 {
		if failed = t.try(ctx, c.Alter...); failed == nil || fatal(failed) {
			return failed
		}
	}
	if holdsRows(c.Difference) && failed == nil {
		return refusedError(c.Explain() + ": that is no change in place, and a new one would lose the rows; " + t.mend)
	}
	if len(c.Drop)+len(c.Create) == 0 || failed != nil && holdsRows(c.Difference) {
		return failed
	}
	again := slices.Concat(c.Drop, c.Create)
	err := t.try(ctx, again...)
	if sqlState(err) == dependentObjects {
		if err := t.clearFor(ctx, c); err != nil {
			return errors.Join(failed, err)
		}
		err = t.try(ctx, again...)
	}
	if err != nil {
		return errors.Join(failed, err)
	}
	return nil
}

func key(d fingerprint.Difference) string { return string(d.Kind) + " " + d.Name }

func (t *trial) count() int {
	n := len(t.pending)
	for _, s := range t.steps {
		n += len(s.Statements)
	}
	return n
}

// begin opens the transaction of the next step.
func (t *trial) begin(ctx context.Context) (err error) {
	if t.tx, err = t.Conn.Begin(ctx); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	_, err = t.tx.Exec(ctx, "SET LOCAL "+t.path())
	return err
}

// end commits the step.
func (t *trial) end(ctx context.Context) error {
	if len(t.pending) > 0 {
		t.steps = append(t.steps, Step{Kind: InTransaction, Statements: t.pending})
		t.pending = nil
	}
	err := t.tx.Commit(ctx)
	t.tx = nil
	return err
}

func (t *trial) read(ctx context.Context) (err error) {
	t.changed = false
	t.now, err = fingerprint.ObjectsTx(ctx, t.tx, t.Schema)
	return err
}

// SQLSTATEs that a trial knows.
const (
	dependentObjects = "2BP01"
	unsafeNewValue   = "55P04" // of an enum, in the transaction that has added it
)

// try runs statements that belong together, and notes them if they work.
func (t *trial) try(ctx context.Context, statements ...string) error {
	err := t.savepoint(ctx, statements)
	if sqlState(err) == unsafeNewValue {
		t.early = additions(t.pending)
	}
	if err == nil {
		t.pending, t.changed = append(t.pending, statements...), true
	}
	return err
}

// savepoint runs statements. They are undone when one fails.
func (t *trial) savepoint(ctx context.Context, statements []string) error {
	script := make([]string, 0, len(statements)+1)
	for _, s := range statements {
		script = append(script, t.Bind(s))
	}
	script = append(script, "RELEASE trial")
	err := undeadlocked(func() error {
		// By itself: nothing of a script runs that has a syntax error.
		if err := execAll(ctx, t.tx.Conn(), "SAVEPOINT trial"); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		err := execAll(ctx, t.tx.Conn(), script...)
		if err == nil || fatal(err) {
			return err
		}
		return errors.Join(err, execAll(ctx, t.tx.Conn(), "ROLLBACK TO trial", "RELEASE trial"))
	})
	if err == nil || fatal(err) {
		return err
	}
	return &statementError{statements: statements, err: err}
}

// statementError is what PostgreSQL has against some statements.
type statementError struct {
	statements []string
	err        error
	line       int // of the step in its plan file, if it is of one
}

func (e *statementError) Error() string { return e.err.Error() }
func (e *statementError) Unwrap() error { return e.err }

// fatal tells errors that are not about a statement: a connection that is gone,
// a context that has ended.
func fatal(err error) bool {
	state := sqlState(err)
	if _, refused := errors.AsType[refusedError](err); refused {
		return false
	}
	return state == "" || state[:2] == "08" || state[:2] == "57" || state[:2] == "53"
}

// concurrently runs, outside of a transaction, what must be.
func (t *trial) concurrently(ctx context.Context, attempts []attempt) (bool, error) {
	if err := t.end(ctx); err != nil {
		return false, err
	}
	progress := false
	for _, a := range attempts {
		step := Step{Kind: Outside, Statements: []string{a.sql}}
		err := Run(ctx, t.World, []Step{step})
		switch {
		case err == nil:
			t.steps, t.changed, progress = append(t.steps, step), true, true
		case fatal(err):
			return false, err
		default:
			t.failed = append(t.failed, err)
		}
	}
	return progress, t.begin(ctx)
}
