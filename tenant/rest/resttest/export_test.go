package resttest

import "github.com/getkin/kin-openapi/openapi3"

// Generator makes values for the tests of them.
type Generator = generator

// NewGenerator makes the same values for the same seed.
func NewGenerator(seed uint64) *Generator { return newGenerator(seed) }

// Valid and Invalid make values of a schema.
func (g *generator) Valid(s *openapi3.Schema) (any, bool)   { return g.valid(s, "") }
func (g *generator) Invalid(s *openapi3.Schema) (any, bool) { return g.invalid(s, "") }

// Decode reads JSON as the generator writes it.
func Decode(text string) (any, error) { return decode([]byte(text)) }

// Encode writes a value as JSON.
func Encode(v any) string { return encode(v) }
