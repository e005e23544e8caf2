package resttest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// operation is one of the document, with what requests are made from.
type operation struct {
	*openapi3.Operation

	method, path string
	params       []*openapi3.Parameter
}

// document is the API in an order that does not change.
type document struct {
	*openapi3.T

	operations []*operation
	// things are the paths of one thing each, such as /v1/users/{user_id}: they
	// say what an id is the id of.
	things []thing
}

// thing is a path that ends in a parameter.
type thing struct{ list, param string }

func readDocument(text []byte) (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("validate: %w", err)
	}
	d := &document{T: doc}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d.operations = append(d.operations, &operation{Operation: op, method: method, path: path, params: parametersOf(item, op)})
		}
		if cut := strings.LastIndex(path, "/{"); cut > 0 && strings.HasSuffix(path, "}") {
			d.things = append(d.things, thing{list: path[:cut], param: path[cut+2 : len(path)-1]})
		}
	}
	slices.SortFunc(d.operations, func(a, b *operation) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method))
	})
	slices.SortFunc(d.things, func(a, b thing) int { return cmp.Compare(a.list, b.list) })
	return d, nil
}

// parametersOf gives the operation's own before the path's.
func parametersOf(item *openapi3.PathItem, op *openapi3.Operation) []*openapi3.Parameter {
	var all []*openapi3.Parameter
	for _, ref := range slices.Concat(op.Parameters, item.Parameters) {
		same := func(p *openapi3.Parameter) bool { return p.In == ref.Value.In && p.Name == ref.Value.Name }
		if !slices.ContainsFunc(all, same) {
			all = append(all, ref.Value)
		}
	}
	return all
}

// name is how the operation is called in messages.
func (op *operation) name() string {
	return cmp.Or(op.OperationID, op.method+" "+op.path)
}

// content are the media types of the request's body, in order.
func (op *operation) content() []string {
	if op.RequestBody == nil || op.RequestBody.Value == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(op.RequestBody.Value.Content))
}

// itemSchema is what each line of a body of NDJSON is, if the document says.
func (d *document) itemSchema(media *openapi3.MediaType) *openapi3.Schema {
	item, _ := media.Extensions["x-item-schema"].(map[string]any)
	ref, _ := item["$ref"].(string)
	name, local := strings.CutPrefix(ref, "#/components/schemas/")
	if found := d.Components.Schemas[name]; local && found != nil {
		return found.Value
	}
	return nil
}

func isJSON(mediaType string) bool {
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (base == "application/json" || strings.HasSuffix(base, "+json"))
}

func isLines(mediaType string) bool {
	base, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (base == "application/x-ndjson" || base == "application/jsonl")
}
