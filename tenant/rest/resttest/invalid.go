package resttest

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// invalid makes a value that the schema refuses for one reason: a valid one in
// which one place is wrong. It fails for a schema that allows everything.
func (g *generator) invalid(s *openapi3.Schema, key string) (any, bool) {
	for range tries {
		if v := g.broken(s, key, 0); !allows(s, v) {
			return v, true
		}
	}
	return nil, false
}

// broken is most likely invalid.
func (g *generator) broken(s *openapi3.Schema, key string, depth int) any {
	s = g.flat(s)
	if g.oneIn(4) {
		return g.otherType()
	}
	switch g.kindOf(s) {
	case openapi3.TypeObject:
		return g.brokenObject(s, depth)
	case openapi3.TypeArray:
		return g.brokenArray(s, key, depth)
	case openapi3.TypeString:
		return g.brokenText(s)
	case openapi3.TypeInteger, openapi3.TypeNumber:
		return g.brokenNumber(s)
	}
	return g.otherType()
}

// otherType is a value of any type.
func (g *generator) otherType() any {
	return pick(g, []any{
		nil, true, false, json.Number("0"), json.Number("1.5"), json.Number("1e400"), "", "x", "true", "1", []any{}, []any{nil},
		[]any{[]any{}}, map[string]any{}, map[string]any{"": nil}, map[string]any{"__proto__": map[string]any{}},
	})
}

func (g *generator) brokenObject(s *openapi3.Schema, depth int) any {
	object, ok := g.object(s, depth).(map[string]any)
	if !ok {
		return nil
	}
	names := slices.Sorted(maps.Keys(s.Properties))
	switch way := g.IntN(6); {
	case way == 0 && len(s.Required) > 0:
		delete(object, pick(g, s.Required))
	case way == 1:
		object[g.word(1, 12)] = g.anything(depth + 1)
	case way == 2 && len(names) > 0: // The name in another case.
		key := pick(g, names)
		object[strings.ToUpper(key)] = g.draw(s.Properties[key].Value, key, depth+1)
	case way == 3 && s.MinProps > 0:
		clear(object)
	case len(names) > 0:
		key := pick(g, names)
		object[key] = g.broken(s.Properties[key].Value, key, depth+1)
	default:
		object[g.word(1, 12)] = g.broken(additional(s), "", depth+1)
	}
	return object
}

func (g *generator) brokenArray(s *openapi3.Schema, key string, depth int) any {
	items, ok := g.array(s, key, depth).([]any)
	if !ok {
		return nil
	}
	switch g.IntN(4) {
	case 0:
		return []any{}
	case 1:
		if s.MaxItems != nil {
			for uint64(len(items)) <= *s.MaxItems {
				items = append(items, g.draw(element(s), key, depth+1))
			}
		}
		return items
	case 2:
		if len(items) > 0 {
			return append(items, items[0])
		}
	}
	wrong := g.broken(element(s), key, depth+1)
	if len(items) == 0 || s.MaxItems == nil || uint64(len(items)) < *s.MaxItems {
		return append(items, wrong)
	}
	items[g.IntN(len(items))] = wrong
	return items
}

// misshapen are texts that nearly have a format.
var misshapen = map[string][]string{
	"uuid": {
		"00000000-0000-0000-0000-00000000000", "{00000000-0000-0000-0000-000000000000}", "00000000000000000000000000000000",
		"g0000000-0000-0000-0000-000000000000", "urn:uuid:00000000-0000-0000-0000-000000000000", " 00000000-0000-0000-0000-000000000000",
	},
	"date":       {"2024-02-30", "2024-13-01", "24-01-01", "2024-1-1", "10000-01-01", "-0001-01-01", "infinity", "2024-01-01T00:00:00Z", "today"},
	"date-time":  {"2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00+25:00", "infinity", "now", "1700000000"},
	"time-local": {"24:00:00", "12:60:00", "12:00", "noon", "12:00:00Z", "-01:00:00"},
	"duration":   {"P", "PT", "1 day", "P1", "-", "PT1D", "P1DT", "infinity", "P1H"},
	"decimal":    {"NaN", "Infinity", "-Infinity", "1,5", "0x10", "1e", "--1", "1_000", "١", ".", "1e99999"},
	"byte":       {"*", "a", "====", "-_"},
	"email":      {"@", "a@", "@b", "a b@c", "a"},
	"uri":        {"x", "//", "%zz"},
}

func (g *generator) brokenText(s *openapi3.Schema) any {
	switch way := g.IntN(5); {
	case way == 0 && s.MinLength > 0:
		return g.letters(0, int(s.MinLength)-1) //nolint:gosec // Bounds in documents are small.
	case way == 1 && s.MaxLength != nil:
		n := int(min(*s.MaxLength, 1<<16))
		if len(s.Enum) == 0 && g.oneIn(3) {
			return strings.Repeat("😀", n+1)
		}
		return g.letters(n+1, n+1)
	case way == 2 && misshapen[s.Format] != nil:
		return pick(g, misshapen[s.Format])
	case way == 3 && len(s.Enum) > 0:
		text, _ := pick(g, s.Enum).(string)
		return pick(g, []string{strings.ToUpper(text), text + " ", " " + text, text + "\x00", text + text, ""})
	}
	return g.word(0, 30)
}

func (g *generator) brokenNumber(s *openapi3.Schema) any {
	low, high := integerBounds(s)
	switch g.IntN(5) {
	case 0:
		return json.Number(pick(g, beyond))
	case 1:
		if low > math.MinInt64 {
			return json.Number(strconv.FormatInt(low-1, 10))
		}
	case 2:
		if high < math.MaxInt64 {
			return json.Number(strconv.FormatInt(high+1, 10))
		}
	case 3:
		return json.Number(strconv.FormatInt(g.between(low, high), 10) + ".5")
	}
	return json.Number(pick(g, someNumbers))
}
