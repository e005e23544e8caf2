package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Event is a step in the life of a tenant.
type Event struct {
	// ID grows with each event. It is zero as long as the step is not taken. A
	// hook that hears of an event twice knows it by its ID.
	ID int64 `json:"-"`
	// Action is one of the constants ActionCreate to ActionPurge.
	Action string `json:"action"`
	// Tenant is the tenant after the step.
	Tenant Record `json:"tenant"`
	// Was is the tenant before the step; zero when it is created.
	Was Record `json:"was,omitzero"`
	// Actor is who took the step. See [WithActor].
	Actor string `json:"actor"`
	// Run is the bulk run that the step was a part of, if it was.
	Run string    `json:"run,omitempty"`
	At  time.Time `json:"at"`
}

// Hook is a project's own code around the steps in the life of tenants, such as
// what makes and removes what a tenant has outside of the database.
type Hook struct {
	// Name tells hooks apart, in the outbox and in errors. It must be set, and
	// must stay what it is: a hook of another name has heard of nothing.
	Name string
	// Before is asked before a step, outside of its transaction, by the process
	// that takes it. An error stops the step, which then fails with a
	// [RefusedError]. That the hook will never have it otherwise, it says by an error
	// that is a RefusedError itself. Nil asks nothing. The step may still fail
	// afterwards.
	Before func(ctx context.Context, e Event) error
	// After is told of a step that was taken, at least once, and of the steps of
	// one tenant in their order. It is told at once by the process that took the
	// step, when that has the hook; otherwise, or when After fails, by
	// [Catalog.Deliver], later and later each time. It has a minute. Nil is told
	// nothing.
	After func(ctx context.Context, e Event) error
}

// RefusedError is why a step was not taken that a hook's Before has an error about.
// It comes as the cause of a *tenant.Error of CodeConflict. When the hook could not
// be asked, which is when its error is CodeTimeout, CodeUnavailable or CodeCanceled,
// that code stays, and it is no RefusedError: the step may be tried again.
type RefusedError struct {
	// Hook is the name of the hook. A hook itself leaves it empty.
	Hook string
	// Final says that the hook has returned a RefusedError on purpose, so that it is of
	// no use to ask again: a sign-up fails for good. Any other error of a hook may be
	// gone by the next time. The catalog sets it.
	Final bool
	// Err is what it said.
	Err error
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.Hook == "" {
		return fmt.Sprint(e.Err)
	}
	return fmt.Sprintf("refused by hook %s: %v", e.Hook, e.Err)
}

// Unwrap gives what the hook said.
func (e *RefusedError) Unwrap() error { return e.Err }

// stopped is the error of a step about which a hook has one.
func stopped(ctx context.Context, hook string, err error) error {
	code := tenant.CodeOf(err)
	if ctx.Err() != nil {
		code = tenant.CodeOf(ctx.Err())
	}
	if slices.Contains([]tenant.Code{tenant.CodeTimeout, tenant.CodeUnavailable, tenant.CodeCanceled}, code) {
		return failf(code, "hook %s could not be asked: %w", hook, err)
	}
	said, meant := errors.AsType[*RefusedError](err)
	return &tenant.Error{Code: tenant.CodeConflict, Err: &RefusedError{Hook: hook, Final: meant && said.Hook == "", Err: err}}
}
