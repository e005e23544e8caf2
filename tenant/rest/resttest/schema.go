package resttest

import (
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are what the formats of strings mean to a client that parses them.
var formats = map[string]openapi3.StringFormatValidator{
	"uuid":       matching(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`),
	"decimal":    matching(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$`),
	"time-local": matching(`^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?$`),
	"email":      matching(`^[^@\s]+@[^@\s]+$`),
	"duration":   openapi3.NewCallbackValidator(isDuration),
	"date":       parsed(func(s string) error { _, err := time.Parse(time.DateOnly, s); return err }),
	"date-time":  parsed(func(s string) error { _, err := time.Parse(time.RFC3339, s); return err }),
	"byte":       parsed(func(s string) error { _, err := base64.StdEncoding.DecodeString(s); return err }),
	"uri":        parsed(isAbsolute),
}

// checks are the options of each validation, of values and of answers.
var checks = []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidators(formats), openapi3.MultiErrors()}

func matching(expr string) openapi3.StringFormatValidator {
	return openapi3.NewRegexpFormatValidator(expr)
}

func parsed(parse func(string) error) openapi3.StringFormatValidator {
	return openapi3.NewCallbackValidator(parse)
}

var durationForm = regexp.MustCompile(`^P([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]+)?S)?)?$`)

func isDuration(s string) error {
	if !durationForm.MatchString(s) || s[len(s)-1] == 'P' || s[len(s)-1] == 'T' {
		return errors.New("no duration of ISO 8601")
	}
	return nil
}

func isAbsolute(s string) error {
	u, err := url.Parse(s)
	if err == nil && !u.IsAbs() {
		err = errors.New("not absolute")
	}
	return err
}

// allows tells whether a request may hold the value there.
func allows(s *openapi3.Schema, value any) bool {
	return s.VisitJSON(value, append(checks, openapi3.VisitAsRequest())...) == nil
}

// is tells whether the schema is of a type, or may be one of several.
func is(s *openapi3.Schema, kind string) bool { return s.Type != nil && s.Type.Includes(kind) }

// kindOf is the type of a value that the schema wants; empty for any.
func (g *generator) kindOf(s *openapi3.Schema) string {
	switch {
	case s.Type != nil && len(s.Type.Slice()) > 0:
		return pick(g, s.Type.Slice())
	case len(s.Properties) > 0 || len(s.Required) > 0:
		return openapi3.TypeObject
	case s.Items != nil:
		return openapi3.TypeArray
	case s.Pattern != "" || s.MaxLength != nil || s.MinLength > 0:
		return openapi3.TypeString
	}
	return ""
}

// flat is the schema with its alternatives decided: what allOf says is put
// together, and of oneOf and anyOf one is taken. The result may still refuse
// what is made from it, so values are checked at the end.
func (g *generator) flat(s *openapi3.Schema) *openapi3.Schema {
	if len(s.AllOf)+len(s.OneOf)+len(s.AnyOf) == 0 {
		return s
	}
	out := *s
	out.AllOf, out.OneOf, out.AnyOf = nil, nil, nil
	for _, part := range s.AllOf {
		merge(&out, g.flat(part.Value))
	}
	for _, choices := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(choices) > 0 {
			chosen := pick(g, choices)
			merge(&out, g.flat(chosen.Value))
			name(&out, s.Discriminator, chosen.Ref)
		}
	}
	return &out
}

// name sets the property that tells which of several schemas a value has.
func name(s *openapi3.Schema, d *openapi3.Discriminator, ref string) {
	if d == nil || ref == "" {
		return
	}
	value := ref[len("#/components/schemas/"):]
	for key, mapped := range d.Mapping {
		if mapped.Ref == ref {
			value = key
		}
	}
	s.Properties = with(s.Properties, d.PropertyName, openapi3.NewSchemaRef("", openapi3.NewStringSchema().WithEnum(value)))
	s.Required = append(slices.Clip(s.Required), d.PropertyName)
}

// merge narrows s to what other allows too.
func merge(s, other *openapi3.Schema) {
	if s.Type == nil {
		s.Type = other.Type
	}
	if len(s.Enum) == 0 {
		s.Enum = other.Enum
	}
	if s.Format == "" {
		s.Format = other.Format
	}
	if s.Pattern == "" {
		s.Pattern = other.Pattern
	}
	s.Nullable = s.Nullable && other.Nullable
	s.Min, s.Max = narrow(s.Min, other.Min, true), narrow(s.Max, other.Max, false)
	s.MinLength, s.MaxLength = max(s.MinLength, other.MinLength), narrow(s.MaxLength, other.MaxLength, false)
	s.MinItems, s.MaxItems = max(s.MinItems, other.MinItems), narrow(s.MaxItems, other.MaxItems, false)
	s.MinProps, s.MaxProps = max(s.MinProps, other.MinProps), narrow(s.MaxProps, other.MaxProps, false)
	s.UniqueItems = s.UniqueItems || other.UniqueItems
	s.Required = append(slices.Clip(s.Required), other.Required...)
	if s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
		s.AdditionalProperties = other.AdditionalProperties
	}
	s.Items = both(s.Items, other.Items)
	for key, ref := range other.Properties {
		s.Properties = with(s.Properties, key, both(s.Properties[key], ref))
	}
}

func narrow[T float64 | uint64](a, b *T, up bool) *T {
	if a == nil || b != nil && (*b > *a) == up {
		return b
	}
	return a
}

func both(a, b *openapi3.SchemaRef) *openapi3.SchemaRef {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	return openapi3.NewSchemaRef("", &openapi3.Schema{AllOf: openapi3.SchemaRefs{a, b}})
}

// with is a copy with one property more.
func with(old openapi3.Schemas, key string, ref *openapi3.SchemaRef) openapi3.Schemas {
	all := openapi3.Schemas{key: ref}
	for k, v := range old {
		if k != key {
			all[k] = v
		}
	}
	return all
}
