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
	"strconv"
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

// absent is a value of a path parameter that nothing has; n makes another one.
func (o *operation) absent(name string, n int) string {
	p := o.param(openapi3.ParameterInPath, name)
	if p == nil || p.Schema == nil {
		return fmt.Sprintf("absent-%d", n)
	}
	s := p.Schema.Value
	switch {
	case s.Format == "uuid":
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	case s.Type.Is(openapi3.TypeInteger):
		return strconv.Itoa(2000000000 - n)
	case len(s.Enum) > 0:
		return textOf(s.Enum[0])
	}
	return fmt.Sprintf("absent-%d", n)
}

// header gives the headers that the operation needs, and its body's type.
func (o *operation) header() http.Header {
	h := http.Header{}
	for _, p := range o.params {
		if p.In == openapi3.ParameterInHeader && p.Required && p.Schema != nil {
			h.Set(p.Name, textOf(sample(p.Schema.Value, 0)))
		}
	}
	if o.body != nil {
		h.Set("Content-Type", o.bodyType)
	}
	return h
}

// content is a body that the schema allows, if that is easy.
func (o *operation) content(n int) string {
	if o.body == nil || o.body.Schema == nil {
		return ""
	}
	if o.body.Example != nil {
		return encode(o.body.Example)
	}
	return encode(sample(o.body.Schema.Value, n))
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "{}" // An example that is no JSON.
	}
	return string(text)
}

// sample makes the smallest value of a schema; n makes texts that may be free differ.
func sample(s *openapi3.Schema, n int) any {
	if s == nil {
		return nil
	}
	switch {
	case s.Example != nil && n == 0:
		return s.Example
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Default != nil:
		return s.Default
	case len(s.AllOf) > 0:
		return sampleAll(s, n)
	case len(s.OneOf) > 0:
		return sample(s.OneOf[0].Value, n)
	case len(s.AnyOf) > 0:
		return sample(s.AnyOf[0].Value, n)
	case s.Type.Is(openapi3.TypeObject) || len(s.Properties) > 0:
		return sampleObject(s, n)
	case s.Type.Is(openapi3.TypeArray):
		list := []any{}
		for range s.MinItems {
			list = append(list, sample(s.Items.Value, n))
		}
		return list
	case s.Type.Is(openapi3.TypeInteger), s.Type.Is(openapi3.TypeNumber):
		if s.Min != nil {
			return *s.Min
		}
		return 1
	case s.Type.Is(openapi3.TypeBoolean):
		return true
	}
	return sampleText(s, n)
}

func sampleObject(s *openapi3.Schema, n int) map[string]any {
	object := map[string]any{}
	for _, name := range s.Required {
		if p, ok := s.Properties[name]; ok && !p.Value.ReadOnly {
			object[name] = sample(p.Value, n)
		}
	}
	for _, name := range sorted(s.Properties) { // A patch of nothing may be none.
		if p := s.Properties[name].Value; uint64(len(object)) < max(s.MinProps, 1) && !p.ReadOnly {
			object[name] = sample(p, n)
		}
	}
	return object
}

func sampleAll(s *openapi3.Schema, n int) any {
	all := map[string]any{}
	for _, part := range s.AllOf {
		object, ok := sample(part.Value, n).(map[string]any)
		if !ok {
			return sample(part.Value, n)
		}
		maps.Copy(all, object)
	}
	return all
}

func sampleText(s *openapi3.Schema, n int) string {
	switch s.Format {
	case "uuid":
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "email":
		return fmt.Sprintf("attack-%d@example.org", n)
	case "uri", "url":
		return "https://example.org/"
	case "duration":
		return "PT1H"
	case "byte":
		return "YQ=="
	case "decimal":
		return "1"
	}
	text := fmt.Sprintf("attack-%d", n)
	for uint64(len(text)) < s.MinLength {
		text += "-attack"
	}
	if s.MaxLength != nil && uint64(len(text)) > *s.MaxLength {
		text = text[uint64(len(text))-*s.MaxLength:]
	}
	return text
}

func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return fmt.Sprint(v)
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
