package main

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"

	"github.com/oapi-codegen/nullable"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

// custom holds the operations that no single query answers. Each gets the
// querier of its request's tenant; none keeps anything between requests but
// whose turn it is.
type custom struct {
	version api.Version
	keys    *keyring.Keyring
	ingests *turns
	signups *signup.Desk
	// mail sends invitations; nil sends nothing.
	mail   mail.Sender
	logger *slog.Logger
}

var _ handlers.Custom = custom{}

// newCustom takes the keys that seal and hash what must not be stored as it is,
// and the desk where people sign up, nil if they can't.
func newCustom(keys *keyring.Keyring, signups *signup.Desk) custom {
	return custom{version: buildVersion(), keys: keys, ingests: newTurns(ingestsAtOnce), signups: signups, logger: slog.Default()}
}

// GetVersion says which build answers.
func (c custom) GetVersion(context.Context, api.GetVersionRequestObject) (api.GetVersionResponseObject, error) {
	return api.GetVersion200JSONResponse(c.version), nil
}

// buildVersion reads what the linker noted about the main module.
func buildVersion() api.Version {
	v := api.Version{Name: "bailiwick", Version: "(devel)", GoVersion: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = &s.Value
		}
	}
	return v
}

// orZero is the value of a property that a client may leave out.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// orElse is the value of a parameter, or its default.
func orElse[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// pointer is the value of a nullable property: nil when it is null or absent.
func pointer[T any](n nullable.Nullable[T]) *T {
	v, err := n.Get()
	if err != nil {
		return nil
	}
	return &v
}

// labels are the values of a list in another enum of the same labels.
func labels[B, A ~string](list []A) []B {
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = B(v)
	}
	return out
}
