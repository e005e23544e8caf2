// Package lint refuses SQL and Go that could leave a tenant: it reads every
// query and schema file of a project on PostgreSQL's own grammar, and the
// project's Go files for ways round the generated facade. A written
// "bailiwick:allow RULE reason" comment is the only exception, and is reported.
//
// It may import internal/diag, internal/project, pg_query and the standard
// library. It never talks to a database; internal/check does.
package lint

import (
	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// File is one SQL file: its path relative to the project's root, and its text.
type File struct {
	Name string
	Text string
}

// Input is everything that SQL lint looks at.
type Input struct {
	// PublicSchema and TenantSchema are the desired states, in order.
	PublicSchema, TenantSchema []File
	// PublicQueries run as the runtime role on schema public.
	PublicQueries []File
	// TenantQueries run as a tenant's role on its own schema.
	TenantQueries []File
	// Maintenance are the operators' own queries, which run as TenantQueries do.
	Maintenance []File
	// PublicPlans and TenantPlans are plan files, which the owner runs once in
	// each schema of their scope.
	PublicPlans, TenantPlans []File
}

// SQL lints all SQL of a project. Allowed findings are in the list, with the
// reason that their comment gives.
func SQL(in Input) diag.List {
	public := splitAll(in.PublicSchema)
	tenant := splitAll(in.TenantSchema)
	m := newModelOf(public, tenant)
	list := lintAll(m, scope{schema: true}, public)
	list = append(list, lintAll(m, scope{schema: true, tenant: true}, tenant)...)
	list = append(list, lintAll(m, scope{}, splitAll(in.PublicQueries))...)
	list = append(list, lintAll(m, scope{tenant: true}, splitAll(in.TenantQueries))...)
	list = append(list, maintenance(m, in)...)
	list = append(list, plans(m, in)...)
	list.Sort()
	return list
}

func maintenance(m *model, in Input) diag.List {
	return lintAll(m, scope{tenant: true}, splitAll(in.Maintenance))
}

func newModelOf(public, tenant []*statement) *model {
	m := newModel()
	for _, s := range public {
		m.addPublic(s)
	}
	for _, s := range tenant {
		m.addTenant(s)
	}
	return m
}

// scope says which rules a file is under.
type scope struct {
	tenant bool // else public
	schema bool // a schema file, else a file of queries
	plan   bool // a schema file that may do more: a plan file
}

func lintAll(m *model, sc scope, statements []*statement) diag.List {
	list := make(diag.List, 0, len(statements))
	for _, s := range statements {
		c := &checker{model: m, scope: sc, st: s, base: s.start, ctes: map[string]bool{}}
		c.statement()
		list = append(list, s.applyAllows(c.found)...)
	}
	return list
}
