package handlers

import (
	"go/ast"
	"maps"
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// fitting adds the mappers that no bound operation needs: those of a schema of
// the components and a query's row that fit one to one. Handlers written by hand
// answer with such rows.
func (g *generator) fitting() {
	types := slices.Sorted(maps.Keys(g.apiPkg.Types))
	for _, name := range slices.Sorted(maps.Keys(g.in.Document.Schemas)) {
		i := slices.IndexFunc(types, func(t string) bool { return openapi.SameGoName(t, name) })
		s := openapi.Flatten(g.in.Document.Schemas[name])
		if i < 0 || s == nil || len(s.Properties) == 0 {
			continue
		}
		for _, scope := range []string{scopeTenant, scopePublic} {
			if g.scopes[scope] != nil {
				g.fittingRows(g.scopes[scope], s, types[i])
			}
		}
	}
}

func (g *generator) fittingRows(sc *scope, s *openapi.Schema, name string) {
	for _, q := range sc.pkg.Queries {
		if !q.RowStruct || !oneToOne(q.Columns, s.Properties) {
			continue
		}
		b := &binding{g: g, op: &openapi.Operation{Scope: sc.name}, name: name, scope: sc, query: q}
		found, mappers := len(g.found), g.mappers.clone()
		b.mapper(object{schema: s, target: g.api.Resolve(ast.NewIdent(name)), columns: q.Columns, row: b.rowText(), isStruct: true})
		if len(g.found) > found { // The types do not suit, which is nobody's fault.
			g.found, g.mappers = g.found[:found], mappers
		}
	}
}

// oneToOne tells whether each property has a column, and each column a property.
func oneToOne(columns []queries.Value, properties []openapi.Property) bool {
	shown := 0
	for i := range properties {
		p := &properties[i]
		if p.WriteOnly {
			continue
		}
		if shown++; len(matching(columns, p)) != 1 {
			return false
		}
	}
	return shown == len(columns)
}
