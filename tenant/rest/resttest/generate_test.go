package resttest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"
)

// schemas are what documents say, by a name that other schemas refer to.
const schemas = `
Text: {type: string}
Bounded: {type: string, minLength: 2, maxLength: 5}
Exact: {type: string, minLength: 3, maxLength: 3}
Empty: {type: string, maxLength: 0}
Anchored: {type: string, pattern: '^[a-z]{2,4}(-[0-9]+)?$'}
Somewhere: {type: string, minLength: 3, maxLength: 10, pattern: '[^ ]'}
Price: {type: string, format: decimal, pattern: '^[0-9]{1,4}(\.[0-9]{1,2})?$'}
Negated: {type: string, pattern: '^[^=]+=', maxLength: 60}
Choice: {type: string, enum: [red, green]}
NullableChoice: {type: string, nullable: true, enum: [red, green, null]}
Number: {type: number}
Share: {type: number, minimum: 0, exclusiveMinimum: true, maximum: 1}
Small: {type: integer, format: int32, minimum: 1, maximum: 200}
Int32: {type: integer, format: int32}
Int64: {type: integer, format: int64}
Even: {type: integer, multipleOf: 2, minimum: 0, maximum: 50}
Flag: {type: boolean}
Maybe: {type: boolean, nullable: true}
UUID: {type: string, format: uuid}
Date: {type: string, format: date}
Time: {type: string, format: date-time}
Local: {type: string, format: time-local}
Span: {type: string, format: duration}
Decimal: {type: string, format: decimal}
Bytes: {type: string, format: byte}
Mail: {type: string, format: email}
Link: {type: string, format: uri}
List: {type: array, minItems: 1, maxItems: 3, items: {type: integer}}
Set: {type: array, uniqueItems: true, maxItems: 2, items: {type: string, enum: [a, b, c]}}
Lists: {type: array, items: {type: array, items: {type: string, nullable: true}}}
Object:
  type: object
  additionalProperties: false
  required: [id, tags]
  properties:
    id: {type: string, format: uuid}
    size: {type: integer, format: int64, nullable: true}
    tags: {type: object, additionalProperties: {type: string, maxLength: 5}, maxProperties: 3}
    made: {type: string, readOnly: true}
    parts: {type: array, items: {$ref: '#/components/schemas/Bounded'}}
Patch: {type: object, additionalProperties: false, minProperties: 1, properties: {a: {type: string}, b: {type: integer, nullable: true}}}
Free: {type: object, required: [any], properties: {any: {}}, additionalProperties: true}
All:
  allOf:
    - {$ref: '#/components/schemas/Patch'}
    - {type: object, required: [a], properties: {a: {type: string, minLength: 3}}}
One:
  oneOf:
    - {type: string, minLength: 3}
    - {type: integer, minimum: 7}
    - {$ref: '#/components/schemas/List'}
Any: {anyOf: [{$ref: '#/components/schemas/Choice'}, {$ref: '#/components/schemas/Small'}]}
Cat: {type: object, required: [kind, lives], properties: {kind: {type: string}, lives: {type: integer, minimum: 1}}}
Dog: {type: object, required: [kind, name], properties: {kind: {type: string}, name: {type: string}}}
Pet:
  oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]
  discriminator: {propertyName: kind, mapping: {cat: '#/components/schemas/Cat', dog: '#/components/schemas/Dog'}}
Tree: {type: object, required: [name], properties: {name: {type: string}, below: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}
`

func loadSchemas(t *testing.T) openapi3.Schemas {
	t.Helper()
	text := "openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n" +
		strings.ReplaceAll(strings.TrimSpace("\n"+schemas), "\n", "\n    ")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(strings.Replace(text, "schemas:\nText", "schemas:\n    Text", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

// kin-openapi itself says what is valid, of the values as a server reads them.
func TestValidIsValidAndInvalidIsNot(t *testing.T) {
	t.Parallel()
	for name, ref := range loadSchemas(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := resttest.NewGenerator(7)
			for range 300 {
				v, ok := g.Valid(ref.Value)
				if !ok {
					t.Fatal("nothing valid was found")
				}
				if err := ref.Value.VisitJSON(again(t, v), openapi3.VisitAsRequest()); err != nil {
					t.Errorf("%s should be valid: %v", resttest.Encode(v), err)
				}
				v, ok = g.Invalid(ref.Value)
				if !ok {
					t.Fatal("nothing invalid was found")
				}
				if slices.Contains(parsed, name) { // The library knows no such format, or less of it.
					continue
				}
				if err := ref.Value.VisitJSON(again(t, v), openapi3.VisitAsRequest()); err == nil {
					t.Errorf("%s should be invalid", resttest.Encode(v))
				}
			}
		})
	}
}

// parsed are schemas of which only a parser can tell what is wrong.
var parsed = []string{"UUID", "Date", "Time", "Local", "Span", "Decimal", "Bytes", "Mail", "Link", "Price", "Object"}

func again(t *testing.T, v any) any {
	t.Helper()
	read, err := resttest.Decode(resttest.Encode(v))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// What goes wrong goes wrong at the ends, so they must come up.
func TestValuesReachTheirBounds(t *testing.T) {
	t.Parallel()
	all := loadSchemas(t)
	for name, want := range map[string][]string{
		"Small":          {"1", "200", "2", "199"},
		"Int32":          {"-2147483648", "2147483647", "0", "-1"},
		"Int64":          {"-9223372036854775808", "9223372036854775807", "-0", "1.0"},
		"Number":         {"-0", "5e-324", "1.7976931348623157e308"},
		"NullableChoice": {"null", `"red"`, `"green"`},
		"Maybe":          {"null", "true", "false"},
		"Set":            {"[]", `["b"]`},
		"UUID":           {`"00000000-0000-0000-0000-000000000000"`},
		"Time":           {`"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59-12:00"`},
		"Date":           {`"0000-01-01"`, `"9999-12-31"`, `"2024-02-29"`},
		"Pet":            {`{"kind":"cat","lives":1}`},
	} {
		g, seen := resttest.NewGenerator(3), map[string]bool{}
		for range 3000 {
			v, _ := g.Valid(all[name].Value)
			seen[resttest.Encode(v)] = true
		}
		for _, w := range want {
			if !seen[w] {
				t.Errorf("%s: no %s among %d values", name, w, len(seen))
			}
		}
	}
}

func TestInvalidGoesBeyondTheBounds(t *testing.T) {
	t.Parallel()
	all := loadSchemas(t)
	for name, want := range map[string][]string{
		"Small":   {"0", "201", "2147483648", "1e400", "null", `"x"`},
		"Int64":   {"18446744073709551616", "1e19", "0.1"},
		"Bounded": {`""`, "null", "[]", "{}"},
		"Choice":  {`"RED"`, `"red "`, `"green\u0000"`},
		"Date":    {`"2024-02-30"`},
		"Patch":   {"{}"},
		"Set":     {`["a","a"]`},
	} {
		g, seen := resttest.NewGenerator(3), map[string]bool{}
		for range 5000 {
			v, _ := g.Invalid(all[name].Value)
			seen[resttest.Encode(v)] = true
		}
		for _, w := range want {
			if !seen[w] {
				t.Errorf("%s: no %s among %d values", name, w, len(seen))
			}
		}
	}
}

// Lengths count characters and not bytes, of every kind of character.
func TestTextOfManyKinds(t *testing.T) {
	t.Parallel()
	all := loadSchemas(t)
	g, lengths := resttest.NewGenerator(3), map[int]bool{}
	var text strings.Builder
	for range 2000 {
		v, _ := g.Valid(all["Bounded"].Value)
		s, _ := v.(string)
		lengths[utf8.RuneCountInString(s)] = true
		text.WriteString(s)
	}
	if got := fmt.Sprint(lengths); got != fmt.Sprint(map[int]bool{2: true, 3: true, 4: true, 5: true}) {
		t.Errorf("lengths %s", got)
	}
	for _, part := range []string{"\x00", "\u0301", "\u202e", "😀", "\U0010ffff", "\u2028", "\ufeff", "'", `\`} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %q", part)
		}
	}
	long := 0
	for range 2000 {
		v, _ := g.Valid(all["Text"].Value)
		s, _ := v.(string)
		long = max(long, utf8.RuneCountInString(s))
	}
	if long < 3000 {
		t.Errorf("the longest text has %d characters", long)
	}
}

func TestSameSeedSameValues(t *testing.T) {
	t.Parallel()
	all := loadSchemas(t)
	a, b, c := resttest.NewGenerator(5), resttest.NewGenerator(5), resttest.NewGenerator(6)
	same := true
	for range 50 {
		x, _ := a.Valid(all["Object"].Value)
		y, _ := b.Valid(all["Object"].Value)
		z, _ := c.Valid(all["Object"].Value)
		if resttest.Encode(x) != resttest.Encode(y) {
			t.Fatal("one seed made two values")
		}
		same = same && resttest.Encode(x) == resttest.Encode(z)
	}
	if same {
		t.Error("two seeds made the same values")
	}
}

func TestNothingToFind(t *testing.T) {
	t.Parallel()
	g := resttest.NewGenerator(1)
	if v, ok := g.Invalid(&openapi3.Schema{}); ok {
		t.Errorf("%v is not allowed by a schema that allows everything", v)
	}
	none := &openapi3.Schema{Type: &openapi3.Types{"string"}, MinLength: 5, MaxLength: new(uint64(2))}
	if v, ok := g.Valid(none); ok {
		t.Errorf("%v is allowed by a schema that allows nothing", v)
	}
	if !json.Valid([]byte(resttest.Encode(json.Number("1e400")))) {
		t.Error("a number beyond float64 is not written")
	}
}
