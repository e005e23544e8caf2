package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
)

// custom holds the operations that no single query answers. Each gets the
// querier of its request's tenant; none keeps anything between requests.
type custom struct {
	version api.Version
}

var _ handlers.Custom = custom{}

func newCustom() custom {
	return custom{version: buildVersion()}
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
