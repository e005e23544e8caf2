// Package openapi reads the project's API document with the place of every
// part, and has oapi-codegen write the API package. It imports kin-openapi,
// oapi-codegen, a YAML reader, internal/diag and gosrc.
package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// The rules of findings, and what to do about most of them.
const (
	rule     = "openapi"
	apiRule  = "oapi-codegen"
	mendDoc  = "mend the document"
	mendFile = "mend the file"
)

// scopeTenant is the x-scope of operations that have none.
const scopeTenant = "tenant"

// Document is a valid API document.
type Document struct {
	// File is the document's path in the project.
	File       string
	Operations []*Operation
	// Schemas are those of the components, by name.
	Schemas openapi3.Schemas

	root yaml.Node
}

// Operation is one operation of the document.
type Operation struct {
	ID, Method, Path string
	Summary          string
	Line             int
	// Scope is x-scope: "tenant", "public" or "none".
	Scope string
	// Secured is false when the operation needs no authentication.
	Secured bool
	// Query binds the operation to a query; nil when it is hand-written.
	Query *Binding
	// Parameters holds those of the path item as well.
	Parameters []*openapi3.Parameter
	Op         *openapi3.Operation
}

// Binding is the value of x-query.
type Binding struct {
	Name string
	Line int
	// Count names the query that counts the rows of the whole list.
	Count     string
	CountLine int
	// Args maps parameters of the query to sources in the request.
	Args map[string]Source
}

// Source is the written origin of one argument, such as "path.id".
type Source struct {
	Text string
	Line int
}

// Load parses and validates the document.
func Load(ctx context.Context, file string, data []byte) (*Document, diag.List) {
	d := &Document{File: file}
	if err := yaml.Unmarshal(withLines(data), &d.root); err != nil {
		return nil, diag.List{d.At(yamlErrorLine(err), rule, "", mendFile, "%s", yamlMessage(err))}
	}
	if found := d.checkRefs(&d.root, nil); len(found) > 0 {
		return nil, found
	}
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(withLines(data))
	if err != nil {
		return nil, diag.List{d.At(yamlErrorLine(err), rule, "", mendDoc, "%s", oneLine(err))}
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.0.") {
		return nil, diag.List{{
			File: file, Line: d.Line("openapi"), Rule: "openapi-version", Subject: "openapi",
			Message: fmt.Sprintf("version %q is not supported", doc.OpenAPI), Mend: "write `openapi: 3.0.3`",
		}}
	}
	if found := d.validate(ctx, doc); len(found) > 0 {
		return nil, found
	}
	if doc.Components != nil {
		d.Schemas = doc.Components.Schemas
	}
	found := d.collect(doc)
	return d, found
}

// collect lists the operations in the document's order.
func (d *Document) collect(doc *openapi3.T) diag.List {
	found := d.checkSecurity(doc, doc.Security, d.Line(security), "")
	for _, p := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(p)
		operations := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			op := operations[method]
			o := &Operation{ID: op.OperationID, Method: method, Path: p, Summary: op.Summary, Op: op, Line: line(op.Origin)}
			o.Parameters = parameters(item.Parameters, op.Parameters)
			if o.ID == "" {
				found = append(found, d.At(o.Line, "operation-id", method+" "+p, "add an operationId", "the operation has no operationId"))
			}
			found = append(found, d.readScope(o)...)
			found = append(found, d.readSecurity(doc, o)...)
			found = append(found, d.readBinding(o)...)
			found = append(found, d.checkExtensions(o)...)
			d.Operations = append(d.Operations, o)
		}
	}
	slices.SortFunc(d.Operations, func(a, b *Operation) int { return a.Line - b.Line })
	return found
}

func (d *Document) readScope(o *Operation) diag.List {
	o.Scope = scopeTenant
	raw, ok := o.Op.Extensions["x-scope"]
	if !ok {
		return nil
	}
	scope, isString := raw.(string)
	if !isString || !slices.Contains([]string{"tenant", "public", "none"}, scope) {
		return diag.List{d.At(d.operationLine(o, "x-scope"), "scope", o.ID, "write tenant, public or none", "x-scope %v is not known", raw)}
	}
	o.Scope = scope
	return nil
}

func (d *Document) readBinding(o *Operation) diag.List {
	raw, ok := o.Op.Extensions["x-query"]
	if !ok {
		return nil
	}
	at := d.operationLine(o, "x-query")
	bad := func(format string, args ...any) diag.List {
		o.Query.Name = "" // nobody looks further into it
		return diag.List{d.At(at, "x-query", o.ID, "write `x-query: QueryName` or `x-query: {name: QueryName, args: {parameter: path.id}}`", format, args...)}
	}
	o.Query = &Binding{Line: at, Args: map[string]Source{}}
	switch v := raw.(type) {
	case string:
		o.Query.Name = v
	case map[string]any:
		for key, value := range v {
			switch key {
			case "name":
				o.Query.Name, _ = value.(string)
			case "count":
				o.Query.Count, _ = value.(string)
				o.Query.CountLine = d.operationLine(o, "x-query", "count")
				if o.Query.Count == "" {
					return bad("count of x-query names no query")
				}
			case "args":
				args, ok := value.(map[string]any)
				if !ok {
					return bad("args of x-query is no map")
				}
				for name, source := range args {
					o.Query.Args[name] = Source{Text: fmt.Sprint(source), Line: d.operationLine(o, "x-query", "args", name)}
				}
			default:
				return bad("x-query has an unknown field %q", key)
			}
		}
	default:
		return bad("x-query is neither a name nor a map")
	}
	if o.Query.Name == "" {
		return bad("x-query names no query")
	}
	return nil
}

// parameters merges those of the path with those of the operation, which win.
func parameters(shared, own openapi3.Parameters) []*openapi3.Parameter {
	var all []*openapi3.Parameter
	for _, ref := range own {
		all = append(all, ref.Value)
	}
	for _, ref := range shared {
		p := ref.Value
		if !slices.ContainsFunc(all, func(o *openapi3.Parameter) bool { return o.Name == p.Name && o.In == p.In }) {
			all = append(all, p)
		}
	}
	return all
}

// At makes a finding in this document.
func (d *Document) At(line int, rule, subject, mend, format string, args ...any) diag.Diagnostic {
	return diag.Diagnostic{File: d.File, Line: line, Rule: rule, Subject: subject, Mend: mend, Message: fmt.Sprintf(format, args...)}
}

func (d *Document) operationLine(o *Operation, keys ...string) int {
	if n := d.Line(append([]string{"paths", o.Path, strings.ToLower(o.Method)}, keys...)...); n > 0 {
		return n
	}
	return o.Line
}

// Line finds the line of a key by its path from the document's root.
func (d *Document) Line(keys ...string) int {
	node := &d.root
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	found := 0
	for _, key := range keys {
		key = strings.ReplaceAll(key, "\x00", "/") // a slash within a key, see checkRefs
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		if node.Kind != yaml.MappingNode {
			return 0
		}
		found = 0
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				found = node.Content[i].Line
				node = node.Content[i+1]
				break
			}
		}
		if found == 0 {
			return 0
		}
	}
	return found
}

// PackageName is the Go package name for an output folder.
func PackageName(dir string) string {
	return strings.ReplaceAll(path.Base(dir), "-", "")
}

// jsonEscape is an escape in a string of JSON; those of characters beyond 16
// bits are pairs.
var jsonEscape = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)`)

// withLines makes YAML of a document in JSON, line by line, because only the
// reader of YAML notes lines. The comment makes sure that JSON it is no longer;
// two kinds of escapes are not YAML's.
func withLines(document []byte) []byte {
	if !json.Valid(document) {
		return document
	}
	document = jsonEscape.ReplaceAllFunc(document, func(escape []byte) []byte {
		var text string
		if (escape[1] == '/' || len(escape) > 2) && json.Unmarshal([]byte(`"`+string(escape)+`"`), &text) == nil {
			return []byte(text)
		}
		return escape
	})
	return append(document, "\n# the end of the document\n"...)
}
