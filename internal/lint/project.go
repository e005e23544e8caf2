package lint

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Project lints all SQL and Go of a project. Findings are in the list, allowed
// ones too; the error is about files that cannot be read.
func Project(p *project.Project) (diag.List, error) {
	in, err := load(p)
	if err != nil {
		return nil, err
	}
	list := SQL(in)
	found, err := Go(p)
	if err != nil {
		return nil, err
	}
	list = append(list, found...)
	list.Sort()
	return list, nil
}

// Maintenance lints a project's maintenance queries, and the tenant's schema, whose
// functions and views they may use.
func Maintenance(p *project.Project) (diag.List, error) {
	in, err := load(p)
	if err != nil {
		return nil, err
	}
	schema := splitAll(in.TenantSchema)
	m := newModelOf(splitAll(in.PublicSchema), schema)
	list := append(lintAll(m, scope{tenant: true, schema: true}, schema), maintenance(m, in)...)
	list.Sort()
	return list, nil
}

func load(p *project.Project) (Input, error) {
	var in Input
	errs := make([]error, 0, 4)
	public, tenant := SchemaFiles(p)
	for _, part := range []struct {
		names []string
		to    *[]File
	}{
		{public, &in.PublicSchema},
		{tenant, &in.TenantSchema},
		{p.Tenant.Queries, &in.TenantQueries},
		{publicQueries(p), &in.PublicQueries},
		{p.Maintenance, &in.Maintenance},
	} {
		files, err := readFiles(p, part.names)
		*part.to = files
		errs = append(errs, err)
	}
	errs = append(errs, loadPlans(p, &in))
	return in, errors.Join(errs...)
}

// SchemaFiles parts a project's schema files into the shared schema's and the
// tenant's: those of sqlc.yaml's public block, or without one what the tenant's
// block lists under the name public.sql.
func SchemaFiles(p *project.Project) (public, tenant []string) {
	isPublic := func(f string) bool { return path.Base(f) == "public.sql" }
	if p.Public != nil {
		isPublic = func(f string) bool { return slices.Contains(p.Public.Schema, f) }
	}
	for _, f := range p.Tenant.Schema {
		if f != p.Tenant.OwnSchema && isPublic(f) {
			public = append(public, f)
		} else {
			tenant = append(tenant, f)
		}
	}
	if p.Public != nil {
		for _, f := range p.Public.Schema {
			if !slices.Contains(p.Tenant.Schema, f) {
				public = append(public, f)
			}
		}
	}
	return public, tenant
}

func publicQueries(p *project.Project) []string {
	if p.Public == nil {
		return nil
	}
	return p.Public.Queries
}

func readFiles(p *project.Project, names []string) ([]File, error) {
	var files []File
	var errs []error
	for _, name := range names {
		text, err := os.ReadFile(p.Abs(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("lint: %w", err))
			continue
		}
		files = append(files, File{Name: name, Text: string(text)})
	}
	return files, errors.Join(errs...)
}
