package handlers

import (
	"fmt"
	"go/ast"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/convert"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

const (
	idempotencyRule = "idempotency-key"
	idempotencyKey  = "header.idempotency-key" // in lower case
	keysTable       = "idempotency_keys"
	sqlText         = "text"
)

// keysDDL is what the runtime's statements need. It is printed to be pasted.
const keysDDL = `CREATE TABLE idempotency_keys (
    subject     text        NOT NULL,
    operation   text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    status      integer,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (subject, operation, key)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);`

// keysColumns are the table's columns as sqlc's catalog has them.
var keysColumns = []queries.Value{
	{Name: "subject", SQL: sqlText, NotNull: true}, {Name: "operation", SQL: sqlText, NotNull: true}, {Name: "key", SQL: sqlText, NotNull: true},
	{Name: "fingerprint", SQL: "bytea", NotNull: true}, {Name: "status", SQL: "int4"}, {Name: "headers", SQL: "jsonb"}, {Name: "body", SQL: "bytea"},
	{Name: "created_at", SQL: "timestamptz", NotNull: true},
}

// keyParameter gives the operation's parameter Idempotency-Key, or nil.
func keyParameter(op *openapi.Operation) *openapi3.Parameter {
	for _, p := range op.Parameters {
		if strings.ToLower(p.In+"."+p.Name) == idempotencyKey {
			return p
		}
	}
	return nil
}

// checkKey refuses an Idempotency-Key that the runtime can't honour.
func (g *generator) checkKey(op *openapi.Operation) {
	p := keyParameter(op)
	if p == nil {
		return
	}
	at := parameterLine(p, op)
	report := func(mend, format string, args ...any) {
		g.reportf(at, idempotencyRule, op.ID+" header."+p.Name, mend, format, args...)
	}
	const remove = "remove the parameter"
	if op.Method != http.MethodPost {
		report(remove+"; If-Match keeps a change from being made twice", "it is for POST: %s may be sent again as it is, or under If-Match", op.Method)
	}
	if op.Scope != scopeTenant {
		report(remove+", or choose another x-scope", "an operation of scope %s has no tenant whose table could remember the answer", op.Scope)
	}
	if !op.Secured {
		report("give the operation a `security` requirement, or "+remove, "a key belongs to its caller, and the operation needs no authentication")
	}
	if !isText(p) {
		report("write `schema: {type: string, minLength: 1, maxLength: 255}`", "it is a text of the client's own choice")
	}
	if body := op.Op.RequestBody; body != nil && body.Value != nil {
		if _, ok := jsonMedia(body.Value.Content); !ok {
			report(remove+", or take one body of JSON", "the whole request has to be compared with that of before, and its body is not one of JSON")
		}
	}
	g.checkKept(op, report)
	g.checkTable(op, at)
}

func isText(p *openapi3.Parameter) bool {
	s := openapi.Flatten(p.Schema)
	return s != nil && plainText(&input{schema: s})
}

// checkKept refuses answers that can't, or should not, be kept for a day.
func (g *generator) checkKept(op *openapi.Operation, report func(mend, format string, args ...any)) {
	responses := op.Op.Responses.Map()
	for _, code := range slices.Sorted(maps.Keys(responses)) {
		r := responses[code].Value
		if !strings.HasPrefix(code, "2") || r == nil || len(r.Content) == 0 {
			continue
		}
		media, ok := jsonMedia(r.Content)
		if !ok {
			report("remove the parameter, or answer with JSON", "the answer %s is kept as a whole, and is not one of JSON", code)
			continue
		}
		if place := secret(openapi.Flatten(media.Schema), ""); place != "" {
			report("remove the parameter", "the answer %s would be kept for a day, and %s is a secret (format: password)", code, place)
		}
	}
}

// secret finds a property that a document marks as one.
func secret(s *openapi.Schema, place string) string {
	if s == nil {
		return ""
	}
	if s.Format == "password" {
		return place
	}
	for i := range s.Properties {
		if found := secret(s.Properties[i].Schema, strings.TrimPrefix(place+"."+s.Properties[i].Name, ".")); found != "" {
			return found
		}
	}
	return secret(s.Items, place)
}

// checkTable insists on the table, once.
func (g *generator) checkTable(op *openapi.Operation, line int) {
	if g.tableChecked || g.scopes[scopeTenant] == nil {
		return
	}
	g.tableChecked = true
	pkg := g.scopes[scopeTenant].pkg
	columns, found := pkg.Tables[keysTable]
	where := pkg.Scope.OwnSchema
	switch {
	case !found:
		g.reportf(line, idempotencyRule, op.ID, "add to "+where+":\n"+keysDDL, "there is no table %s to remember the keys in", keysTable)
	case !slices.EqualFunc(sorted(columns), sorted(keysColumns), sameColumn):
		g.reportf(line, idempotencyRule, op.ID, "write it in "+where+" as:\n"+keysDDL, "the columns of table %s are not those that the runtime uses", keysTable)
	}
}

func sameColumn(a, b queries.Value) bool {
	return a.Name == b.Name && a.SQL == b.SQL && a.NotNull == b.NotNull && a.Dims == b.Dims
}

func sorted(columns []queries.Value) []queries.Value {
	return slices.SortedFunc(slices.Values(columns), func(a, b queries.Value) int { return strings.Compare(a.Name, b.Name) })
}

// idempotent writes the call that runs a request once under its key.
func (g *generator) idempotent(op *openapi.Operation, name string, run string) string {
	qual := g.api.Qualifier
	field, pointer, ok := g.keyField(op, name)
	if !ok {
		if p := keyParameter(op); isText(p) { // Otherwise it has been reported.
			g.reportf(parameterLine(p, op), idempotencyRule, op.ID+" header."+p.Name, "remove x-go-type", "its Go type is no text")
		}
		return ""
	}
	key, zero := "&"+field, `""`
	if pointer {
		key, zero = field, "nil"
	}
	g.stored = append(g.stored, fmt.Sprintf("\n// Visit%[1]sResponse writes the answer to %[2]s %[3]s again.\nfunc (a stored) Visit%[1]sResponse(w http.ResponseWriter) error { return a.Send(w) }\n",
		name, op.Method, op.Path))
	return fmt.Sprintf(`	without := req
	without%[1]s = %[2]s
	return rest.Idempotent(ctx, q, rest.Once[%[3]s.%[4]sResponseObject]{
		Operation: %[5]q, Key: (*string)(%[6]s), Request: without,
		Visit: %[3]s.%[4]sResponseObject.Visit%[4]sResponse,
		Stored: func(a rest.Stored) %[3]s.%[4]sResponseObject { return stored{a} },
	}, func(ctx context.Context, q *%[7]s.Queries) (%[3]s.%[4]sResponseObject, error) {
		return %[8]s
	})
`, strings.TrimPrefix(field, "req"), zero, qual, name, op.ID, key, g.scopes[op.Scope].facade, run)
}

// keyField finds the field of the request that holds the key.
func (g *generator) keyField(op *openapi.Operation, name string) (field string, pointer, ok bool) {
	st, found := g.apiPkg.StructOf(ast.NewIdent(name + "Params"))
	if !found {
		return "", false, false
	}
	for _, f := range g.apiPkg.Fields(st) {
		if f.JSON != keyParameter(op).Name {
			continue
		}
		star, pointer := f.Type.(*ast.StarExpr)
		elem := f.Type
		if pointer {
			elem = star.X
		}
		return "req.Params." + f.Name, pointer, g.api.Resolve(elem).Basic == convert.StringType.Basic
	}
	return "", false, false
}
