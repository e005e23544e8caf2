package openapi

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Schema is what a schema means once its allOf is merged.
type Schema struct {
	Line     int
	Type     string // Empty means any value.
	Format   string
	Nullable bool
	Enum     []string
	Default  any
	Max      *float64
	Items    *Schema
	// Properties is sorted by name; nil for anything but an object with properties.
	Properties []Property
	// Union is true when oneOf, anyOf or not make the value a choice.
	Union bool
	// Ref is the reference through which the schema was reached.
	Ref string
}

// Property is one property of an object.
type Property struct {
	Name     string
	Line     int
	Required bool
	// ReadOnly and WriteOnly keep it out of requests or responses.
	ReadOnly, WriteOnly bool
	Schema              *Schema
}

// Find returns the property of that name.
func (s *Schema) Find(name string) *Property {
	for i := range s.Properties {
		if s.Properties[i].Name == name {
			return &s.Properties[i]
		}
	}
	return nil
}

// Flatten merges a schema's allOf. Recursive schemas end where they repeat.
func Flatten(ref *openapi3.SchemaRef) *Schema {
	return flatten(ref, map[*openapi3.Schema]bool{})
}

func flatten(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) *Schema {
	if ref == nil || ref.Value == nil {
		return nil
	}
	s := &Schema{Ref: ref.Ref, Line: line(ref.Value.Origin)}
	if seen[ref.Value] {
		return s
	}
	seen[ref.Value] = true
	defer delete(seen, ref.Value)
	properties := map[string]Property{}
	required := map[string]bool{}
	s.merge(ref.Value, properties, required, seen)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p := properties[name]
		p.Required = required[name]
		s.Properties = append(s.Properties, p)
	}
	return s
}

func (s *Schema) merge(v *openapi3.Schema, properties map[string]Property, required map[string]bool, seen map[*openapi3.Schema]bool) {
	for _, part := range v.AllOf {
		if part.Value != nil {
			s.merge(part.Value, properties, required, seen)
		}
	}
	if types := v.Type.Slice(); len(types) > 0 {
		s.Type = types[0]
	}
	if v.Format != "" {
		s.Format = v.Format
	}
	s.Nullable = s.Nullable || v.Nullable
	s.Union = s.Union || len(v.OneOf) > 0 || len(v.AnyOf) > 0 || v.Not != nil
	if v.Default != nil {
		s.Default = v.Default
	}
	if v.Max != nil {
		s.Max = v.Max
	}
	for _, e := range v.Enum {
		if value, ok := e.(string); ok && !slices.Contains(s.Enum, value) {
			s.Enum = append(s.Enum, value)
		}
	}
	if v.Items != nil {
		s.Items = flatten(v.Items, seen)
	}
	for _, name := range v.Required {
		required[name] = true
	}
	for name, ref := range v.Properties {
		properties[name] = property(name, ref, seen)
	}
	if s.Type == "" && len(properties) > 0 {
		s.Type = "object"
	}
}

func property(name string, ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) Property {
	p := Property{Name: name, Schema: flatten(ref, seen)}
	if p.Schema != nil {
		p.Line = p.Schema.Line
	}
	if ref.Value != nil {
		p.ReadOnly, p.WriteOnly = ref.Value.ReadOnly, ref.Value.WriteOnly
	}
	if ref.Ref != "" && ref.Origin != nil && len(ref.Origin.Fields) > 0 {
		p.Line = ref.Origin.Fields[0].Line
	}
	return p
}
