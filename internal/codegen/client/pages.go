package client

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
)

// page is what one page of an operation is made of, in Go.
type page struct {
	call *call
	// response is the field of the typed response that holds the page.
	response string
	cursor   gosrc.Field // of the params
	items    gosrc.Field // of the page
	item     string      // the type of one
	next     gosrc.Field // of the page
}

// pages writes the walk through an operation's pages, if it has pages: the
// query parameters limit and cursor, and an answer with items and next_cursor.
func (g *generator) pages(op *openapi.Operation) {
	p := g.pageOf(op)
	if p == nil {
		return
	}
	goName := g.goName(op)
	name := "All" + strings.TrimPrefix(goName, "List")
	if !g.method(op, name) {
		return
	}
	c := p.call
	self, cursor, query, res, err := c.free("c"), c.free("cursor"), c.free("query"), c.free("res"), c.free("err")
	g.printf(`
// %[1]s walks through the items of all pages of %[2]s, %[3]s %[4]s,
// and ends with its first error.
func (%[5]s *%[6]s) %[1]s(%[7]s) iter.Seq2[%[8]s, error] {
	return httpclient.Pages(func(%[9]s string) ([]%[8]s, string, error) {
		var %[10]s %[11]s
		if %[12]s != nil {
			%[10]s = *%[12]s
		}
		if %[9]s != "" {
			%[13]s
		}
		%[14]s, %[15]s := %[5]s.%[2]sWithResponse(%[16]s)
		if %[15]s != nil {
			return nil, "", %[15]s
		}
		if %[14]s.%[17]s == nil {
			return nil, "", httpclient.Unexpected(%[14]s.HTTPResponse)
		}
		return %[18]s
	})
}
`, name, goName, op.Method, op.Path, self, receiver, c.parameters, p.item, cursor, query, c.paramsType, c.params,
		p.setCursor(g, query, cursor), res, err, c.arguments("&"+query), p.response, p.results(res+"."+p.response))
}

// setCursor is the statement that asks for the page after a cursor.
func (p *page) setCursor(g *generator, query, cursor string) string {
	target := query + "." + p.cursor.Name
	if star, ok := p.cursor.Type.(*ast.StarExpr); ok {
		typ := g.pkg.Format(star.X, "")
		if typ == "string" {
			return fmt.Sprintf("%s = &%s", target, cursor)
		}
		return fmt.Sprintf("value := %s(%s)\n%s = &value", typ, cursor, target)
	}
	return fmt.Sprintf("%s = %s(%s)", target, g.pkg.Format(p.cursor.Type, ""), cursor)
}

// results are the values that one page gives.
func (p *page) results(from string) string {
	items := from + "." + p.items.Name
	if _, optional := p.items.Type.(*ast.StarExpr); optional {
		items = "httpclient.Value(" + items + ")"
	}
	next := from + "." + p.next.Name
	switch t := p.next.Type.(type) {
	case *ast.StarExpr:
		next = "string(httpclient.Value(" + next + "))"
	case *ast.IndexExpr: // nullable.Nullable, whose value is absent, null or there
		next = "string(" + next + "[true])"
	case *ast.Ident:
		if t.Name != "string" {
			next = "string(" + next + ")"
		}
	}
	return items + ", " + next + ", nil"
}

var jsonResponse = regexp.MustCompile(`^JSON2\d\d$`)

// pageOf finds the parts of an operation's pages; nil when one is missing.
func (g *generator) pageOf(op *openapi.Operation) *page {
	c := g.callOf(g.goName(op) + "WithResponse")
	if c == nil || c.params == "" {
		return nil
	}
	names := map[string]bool{}
	for _, parameter := range op.Parameters {
		names[parameter.In+"."+parameter.Name] = true
	}
	p := &page{call: c}
	params, ok := g.pkg.StructOf(ast.NewIdent(c.paramsType))
	if !ok || !names["query.limit"] || !names["query.cursor"] || !find(g, params, "cursor", &p.cursor) {
		return nil
	}
	results := c.fn.Type.Results.List
	response, ok := g.structOf(results[0].Type)
	if !ok {
		return nil
	}
	for _, field := range g.pkg.Fields(response) {
		if !jsonResponse.MatchString(field.Name) {
			continue
		}
		body, ok := g.structOf(field.Type)
		if !ok || !find(g, body, "items", &p.items) || (!find(g, body, "next_cursor", &p.next) && !find(g, body, "nextCursor", &p.next)) {
			continue
		}
		p.response = field.Name
		if p.item, ok = g.element(p.items.Type); ok {
			return p
		}
	}
	return nil
}

// find finds the field of a property.
func find(g *generator, in *ast.StructType, property string, to *gosrc.Field) bool {
	for _, field := range g.pkg.Fields(in) {
		if field.JSON == property {
			*to = field
			return true
		}
	}
	return false
}

// structOf is the struct that a type is, or points to.
func (g *generator) structOf(e ast.Expr) (*ast.StructType, bool) {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	return g.pkg.StructOf(e)
}

// element is the type of a list's items.
func (g *generator) element(e ast.Expr) (string, bool) {
	for range len(g.pkg.Types) + 1 {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.ArrayType:
			return g.pkg.Format(t.Elt, ""), true
		case *ast.Ident:
			spec := g.pkg.Types[t.Name]
			if spec == nil {
				return "", false
			}
			e = spec.Type
		default:
			return "", false
		}
	}
	return "", false
}
