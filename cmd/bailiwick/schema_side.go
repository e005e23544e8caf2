//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// side is one of two schemas that are compared, with the shared schema beside it.
type side struct {
	// scope is empty for a project, which has both.
	scope   plan.Scope
	targets map[plan.Scope]plan.Target
}

// sides finds schemas by what users call them.
type sides struct {
	cmd   *cobra.Command
	fleet *fleet
	// url is that of a database that was asked, for its server's version.
	url string
	// stop ends what was started.
	stop []func() error
}

func (s *sides) close() error {
	var errs []error
	for _, stop := range s.stop {
		if stop != nil {
			errs = append(errs, stop())
		}
	}
	return errors.Join(errs...)
}

// sideKind is what a user's word stands for.
type sideKind int

const (
	sideURL sideKind = iota
	sideRegistered
	sideFile
	sideFolder
)

// kindOf tells a URL by its form, a file or folder by its being there, and takes
// what is left for a tenant.
func kindOf(given string) (sideKind, error) {
	if isConnection(given) {
		return sideURL, nil
	}
	if given == publicName {
		return sideRegistered, nil
	}
	info, err := os.Stat(given)
	switch {
	case err == nil && info.IsDir():
		return sideFolder, nil
	case err == nil:
		return sideFile, nil
	case strings.ContainsAny(given, "/.\\"):
		return 0, fmt.Errorf("there is no file or folder %s\n\tmend: name one that is there, a tenant, public, or a connection URL", given)
	}
	if _, err := tenant.ParseSlug(given); err != nil {
		return 0, fmt.Errorf("%q is no tenant, no file, no folder and no URL", given)
	}
	return sideRegistered, nil
}

// findAll finds schemas of databases first: what files make is then made on the
// same server.
func (s *sides) findAll(ctx context.Context, names []string) ([]*side, error) {
	found := make([]*side, len(names))
	for _, files := range []bool{false, true} {
		for i, given := range names {
			kind, err := kindOf(given)
			if err == nil && (kind == sideFile || kind == sideFolder) == files {
				found[i], err = s.find(ctx, kind, given)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", hidden(given), err)
			}
		}
		if err := s.needScratch(); err != nil { //nolint:contextcheck // the command carries it
			return nil, err
		}
	}
	return found, nil
}

func (s *sides) find(ctx context.Context, kind sideKind, given string) (*side, error) {
	switch kind {
	case sideURL:
		s.url = given
		return s.database(ctx, given, "")
	case sideFolder:
		return s.folder(ctx, given)
	case sideFile:
		return s.files(ctx, []string{given})
	case sideRegistered:
	}
	if given == publicName {
		given = ""
	}
	return s.registered(ctx, given)
}

// needScratch decides where scratch databases are made: where atlas.hcl says, on
// the fleet's own server, or in the embedded PostgreSQL.
func (s *sides) needScratch() error {
	if s.fleet.dev == "" {
		s.fleet.dev = s.fleet.url
	}
	if s.fleet.dev != "" {
		return nil
	}
	stop, err := s.fleet.needDev(s.cmd)
	s.stop = append(s.stop, stop)
	return err
}

// registered is a tenant's schema, or without a slug the shared one.
func (s *sides) registered(ctx context.Context, slug string) (*side, error) {
	f := s.fleet
	f.url = cmp.Or(f.url, os.Getenv("DATABASE_OWNER_URL"), f.atlas.Tenant.URL, f.atlas.Public.URL)
	if f.url == "" {
		instance, err := resumeDev(s.cmd) //nolint:contextcheck // the command carries it
		if err != nil {
			return nil, err
		}
		s.stop = append(s.stop, instance.Close)
		f.url = instance.OwnerURL(devpg.Database)
	}
	s.url = cmp.Or(s.url, f.url)
	if slug == "" {
		return s.database(ctx, f.url, publicName)
	}
	schema := ""
	err := f.open(ctx, func(ctx context.Context, f *fleet) error {
		records, err := f.tenants(ctx, []string{slug})
		if err == nil {
			schema = records[0].Schema
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.database(ctx, f.url, schema)
}

// database reads a schema, and the shared one beside it. Without a name it is the
// one of the URL's search_path, or else public.
func (s *sides) database(ctx context.Context, given, name string) (_ *side, err error) {
	url, err := readOnly("the connection string", given)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	name = cmp.Or(name, config.RuntimeParams["search_path"], publicName)
	delete(config.RuntimeParams, "search_path")
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	found := &side{scope: plan.Tenant, targets: map[plan.Scope]plan.Target{}}
	if name == publicName {
		found.scope = plan.Public
	} else if found.targets[plan.Tenant], err = readTarget(ctx, conn, plan.Tenant, name); err != nil {
		return nil, err
	}
	found.targets[plan.Public], err = readTarget(ctx, conn, plan.Public, publicName)
	return found, err
}

func readTarget(ctx context.Context, conn *pgx.Conn, scope plan.Scope, name string) (t plan.Target, err error) {
	states, err := fingerprint.States(ctx, conn, []string{name})
	if err != nil {
		return t, fmt.Errorf("read schema %s: %w", name, err)
	}
	state, there := states[name]
	if !there {
		return t, fmt.Errorf("there is no schema %s in database %s", name, conn.Config().Database)
	}
	t = plan.Target{Scope: scope, Fingerprint: state.Fingerprint, Order: state.Order}
	t.Objects, err = fingerprint.Objects(ctx, conn, name)
	return t, err
}

// folder is a project's schema files, or else all SQL files of a folder.
func (s *sides) folder(ctx context.Context, dir string) (*side, error) {
	if isProject(dir) {
		p, err := project.Load(dir)
		if err != nil {
			return nil, err
		}
		return s.realise(ctx, "", func(in *plan.Input) error { return setFiles(in, p) })
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(names) == 0 {
		return nil, errors.Join(fmt.Errorf("folder %s has no .sql file", dir), err)
	}
	slices.Sort(names)
	return s.files(ctx, names)
}

// files are SQL files: a tenant's schema, beside the project's shared one; the
// shared schema alone; or both.
func (s *sides) files(ctx context.Context, names []string) (*side, error) {
	var public, own []lint.File
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		list := &own
		if s.isPublic(name) {
			list = &public
		}
		*list = append(*list, lint.File{Name: filepath.ToSlash(name), Text: string(text) + "\n"})
	}
	var scope plan.Scope // both
	switch {
	case own == nil:
		scope = plan.Public
	case public == nil:
		scope = plan.Tenant
	}
	return s.realise(ctx, scope, func(in *plan.Input) error {
		if err := setFiles(in, s.fleet.project); err != nil {
			return err
		}
		in.Tenant = own
		if public != nil {
			in.Public = public
		}
		return nil
	})
}

// isPublic tells a file of the shared schema: by its place in the project, or, as
// elsewhere, by its name.
func (s *sides) isPublic(name string) bool {
	if full, err := filepath.Abs(name); err == nil {
		if rel, err := filepath.Rel(s.fleet.project.Root, full); err == nil && slices.Contains(s.fleet.project.Public.Schema, filepath.ToSlash(rel)) {
			return true
		}
	}
	return path.Base(filepath.ToSlash(name)) == "public.sql"
}

func (s *sides) realise(ctx context.Context, scope plan.Scope, set func(*plan.Input) error) (*side, error) {
	in := plan.Input{URL: s.url, Dev: s.fleet.dev, RuntimeRole: s.fleet.runtimeRole}
	if err := set(&in); err != nil {
		return nil, err
	}
	targets, err := plan.Desired(ctx, in)
	return &side{scope: scope, targets: targets}, err
}
