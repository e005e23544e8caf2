package attack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// document is what attacks need to know of an OpenAPI document.
type document struct {
	operations []*operation
}

// operation is one of the document's.
type operation struct {
	id, method, path string
	// secured: a credential is required. tenants: it works on a tenant's data.
	secured, tenants bool
	// permissions are the scopes of its security requirements.
	permissions []string
	params      []*openapi3.Parameter
	body        *openapi3.MediaType
	bodyType    string
}

func (o *operation) String() string { return o.method + " " + o.path }

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func readDocument(text []byte) (*document, error) {
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("attack: read the OpenAPI document: %w", err)
	}
	d := &document{}
	for _, path := range sorted(spec.Paths.Map()) {
		item := spec.Paths.Value(path)
		for _, method := range methods {
			if found := item.GetOperation(method); found != nil {
				d.operations = append(d.operations, newOperation(spec, item, method, path, found))
			}
		}
	}
	if len(d.operations) == 0 {
		return nil, errors.New("attack: the document has no operations")
	}
	return d, nil
}

func newOperation(spec *openapi3.T, item *openapi3.PathItem, method, path string, found *openapi3.Operation) *operation {
	op := &operation{id: cmp.Or(found.OperationID, method+" "+path), method: method, path: path, tenants: true}
	requirements := &spec.Security
	if found.Security != nil {
		requirements = found.Security
	}
	op.secured = len(*requirements) > 0
	for _, requirement := range *requirements {
		op.secured = op.secured && len(requirement) > 0 // {} lets everybody in.
		for _, scheme := range sorted(requirement) {
			op.permissions = append(op.permissions, requirement[scheme]...)
		}
	}
	if scope, ok := found.Extensions["x-scope"].(string); ok {
		op.tenants = scope == "tenant"
	}
	for _, p := range slices.Concat(item.Parameters, found.Parameters) {
		op.params = append(op.params, p.Value)
	}
	if found.RequestBody != nil && found.RequestBody.Value != nil {
		for _, name := range sorted(found.RequestBody.Value.Content) {
			if op.body == nil || strings.Contains(name, "json") {
				op.body, op.bodyType = found.RequestBody.Value.Content[name], name
			}
		}
	}
	return op
}

func (o *operation) param(in, name string) *openapi3.Parameter {
	for _, p := range o.params {
		if p.In == in && strings.EqualFold(p.Name, name) {
			return p
		}
	}
	return nil
}

var braces = regexp.MustCompile(`\{([^}]+)\}`)

// pathParams are the names in the path, from left to right.
func (o *operation) pathParams() []string {
	found := braces.FindAllStringSubmatch(o.path, -1)
	names := make([]string, 0, len(found))
	for _, m := range found {
		names = append(names, m[1])
	}
	return names
}

// target is the path and the query that are needed. What values does not hold is
// an id that nothing has.
func (o *operation) target(values map[string]string) string {
	path := braces.ReplaceAllStringFunc(o.path, func(m string) string {
		name := m[1 : len(m)-1]
		if value, ok := values[name]; ok {
			return url.PathEscape(value)
		}
		return url.PathEscape(o.absent(name, 0))
	})
	query := url.Values{}
	for _, p := range o.params {
		if p.In == openapi3.ParameterInQuery && p.Required && p.Schema != nil {
			query.Set(p.Name, textOf(sample(p.Schema.Value, 0)))
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// withQuery is the target with one more parameter.
func (o *operation) withQuery(name, value string) string {
	target := o.target(nil)
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return target + separator + url.Values{name: {value}}.Encode()
}

// property is the schema of one property of a body that is an object.
func (o *operation) property(name string) *openapi3.Schema {
	if o.body == nil || o.body.Schema == nil || o.body.Schema.Value == nil {
		return nil
	}
	if p := o.body.Schema.Value.Properties[name]; p != nil {
		return p.Value
	}
	return nil
}

// contentWith is a body in which one property is an id.
func (o *operation) contentWith(name, id string, p *openapi3.Schema) string {
	var object map[string]any
	if json.Unmarshal([]byte(o.content(1)), &object) != nil || object == nil {
		object = map[string]any{}
	}
	object[name] = id
	if p.Type.Is(openapi3.TypeInteger) {
		object[name] = json.Number(id)
	}
	return encode(object)
}

func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return fmt.Sprint(v)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
