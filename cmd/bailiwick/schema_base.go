//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/internal/revision"
)

// planFromBase plans from the schema files of a revision or folder to those at
// hand, as if there were one tenant.
func planFromBase(cmd *cobra.Command, base string, p *progress) (f *fleet, made *plan.Fleet, err error) {
	if f, err = loadFleet(cmd); err != nil {
		return nil, nil, err
	}
	old, remove, err := loadBase(cmd, f.project, base)
	if errors.Is(err, revision.ErrNone) {
		return f, &plan.Fleet{Notes: []string{base + " has no schema files: there is nothing to plan from"}}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	stop, err := f.needDev(cmd)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	in, err := f.input(nil, p)
	if err != nil {
		return nil, nil, err
	}
	before := in
	if err := setFiles(&before, old); err != nil {
		return nil, nil, err
	}
	from, err := plan.Desired(cmd.Context(), before)
	if err != nil {
		return nil, nil, fmt.Errorf("the schema files of %s:\n%w", base, err)
	}
	if made, err = plan.Between(cmd.Context(), in, from, nil); err == nil {
		made.Notes = append(made.Notes, strayFiles(in.Files, made)...)
	}
	return f, made, err
}

// loadBase finds the project in a folder or at a revision.
func loadBase(cmd *cobra.Command, p *project.Project, base string) (old *project.Project, remove func() error, err error) {
	info, err := os.Stat(base)
	if err != nil || !info.IsDir() {
		return revision.Load(cmd.Context(), p.Root, base)
	}
	old, err = project.Load(base)
	return old, func() error { return nil }, err
}

// needDev makes sure that there is a server for scratch databases other than the
// fleet's: the one that atlas.hcl names, or the embedded one.
func (f *fleet) needDev(cmd *cobra.Command) (stop func() error, err error) {
	if f.dev != "" {
		return func() error { return nil }, nil
	}
	server := startServer(cmd.Context(), f.project.Root, "")
	if server.err != nil {
		return nil, fmt.Errorf("%w\n\tmend: or name a server for scratch databases as dev in atlas.hcl", server.err)
	}
	f.dev = server.url
	return server.close, nil
}
