package attack

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

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
