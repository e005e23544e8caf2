package resttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	// tries is how often a value is made anew that turns out not to be wanted.
	tries = 30
	// maxDepth is where values end to nest, as far as the schema lets them.
	maxDepth = 5
	// manyItems and manyRunes stand for no upper bound.
	manyItems, manyRunes = 30, 5000
)

// generator makes values. Numbers are json.Number, everything else is as
// encoding/json reads it.
type generator struct {
	*rand.Rand

	// known are values of earlier answers; nil knows none.
	known *known
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
}

// oneIn is true once in n times.
func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, from []T) T { return from[g.IntN(len(from))] }

// valid makes a value that the schema allows, often one at its bounds. It fails
// for a schema that allows nothing, or nothing that is easy to find.
func (g *generator) valid(s *openapi3.Schema, key string) (any, bool) {
	for range tries {
		if v := g.draw(s, key, 0); allows(s, v) {
			return v, true
		}
	}
	return nil, false
}

// draw makes a value that is most likely valid.
func (g *generator) draw(s *openapi3.Schema, key string, depth int) any {
	if v, found := g.recall(s, key); found {
		return v
	}
	s = g.flat(s)
	switch {
	case s.Nullable && g.oneIn(6):
		return nil
	case len(s.Enum) > 0:
		return plain(pick(g, s.Enum))
	case s.Default != nil && g.oneIn(10):
		return plain(s.Default)
	case s.Example != nil && g.oneIn(10):
		return plain(s.Example)
	}
	switch g.kindOf(s) {
	case openapi3.TypeObject:
		return g.object(s, depth)
	case openapi3.TypeArray:
		return g.array(s, key, depth)
	case openapi3.TypeString:
		return g.text(s)
	case openapi3.TypeInteger:
		return g.integer(s)
	case openapi3.TypeNumber:
		return g.number(s)
	case openapi3.TypeBoolean:
		return g.oneIn(2)
	case openapi3.TypeNull:
		return nil
	}
	return g.anything(depth)
}

// recall gives a value of that name that an answer held: most often where it
// names a thing, sometimes elsewhere.
func (g *generator) recall(s *openapi3.Schema, key string) (any, bool) {
	if g.known == nil || key == "" {
		return nil, false
	}
	if rare := !isID(key); rare && !g.oneIn(4) || !rare && g.oneIn(6) {
		return nil, false
	}
	v, found := g.known.value(g, key)
	return v, found && allows(s, v)
}

// object has what is required, and all, some or nothing of the rest.
func (g *generator) object(s *openapi3.Schema, depth int) any {
	object, share := map[string]any{}, g.IntN(4)
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[key].Value
		required := slices.Contains(s.Required, key)
		if property.ReadOnly || !required && (depth >= maxDepth || g.IntN(3) >= share) {
			continue
		}
		object[key] = g.draw(property, key, depth+1)
	}
	for _, key := range s.Required {
		if _, declared := s.Properties[key]; !declared {
			object[key] = g.draw(additional(s), key, depth+1)
		}
	}
	g.fill(s, object, depth)
	return object
}

// fill brings the number of properties between its bounds, and adds some that
// the schema does not name where it lets them be.
func (g *generator) fill(s *openapi3.Schema, object map[string]any, depth int) {
	wanted := int(s.MinProps) //nolint:gosec // Bounds in documents are small.
	named := slices.Sorted(maps.Keys(s.Properties))
	g.Shuffle(len(named), func(i, j int) { named[i], named[j] = named[j], named[i] })
	for _, key := range named {
		if _, has := object[key]; !has && len(object) < wanted && !s.Properties[key].Value.ReadOnly {
			object[key] = g.draw(s.Properties[key].Value, key, depth+1)
		}
	}
	if depth >= maxDepth || !open(s) || s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil && !g.oneIn(20) {
		return
	}
	more := max(wanted-len(object), g.IntN(4))
	for range more {
		if s.MaxProps == nil || uint64(len(object)) < *s.MaxProps {
			object[g.word(1, 20)] = g.draw(additional(s), "", depth+1)
		}
	}
}

// open tells whether the schema lets properties be that it does not name.
func open(s *openapi3.Schema) bool {
	return s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has
}

// additional is the schema of properties without one of their own.
func additional(s *openapi3.Schema) *openapi3.Schema {
	if s.AdditionalProperties.Schema != nil {
		return s.AdditionalProperties.Schema.Value
	}
	return &openapi3.Schema{}
}

func (g *generator) array(s *openapi3.Schema, key string, depth int) any {
	least, most := s.MinItems, s.MinItems+manyItems
	if s.MaxItems != nil {
		most = min(*s.MaxItems, most)
	}
	if depth >= maxDepth {
		most = least
	}
	items, seen := []any{}, map[string]bool{}
	for range g.size(least, most) {
		item := g.draw(element(s), key, depth+1)
		if text := encode(item); !s.UniqueItems || !seen[text] {
			items, seen[text] = append(items, item), true
		}
	}
	return items
}

func element(s *openapi3.Schema) *openapi3.Schema {
	if s.Items == nil {
		return &openapi3.Schema{}
	}
	return s.Items.Value
}

// size is a number between two bounds: one of them, or a small one.
func (g *generator) size(least, most uint64) uint64 {
	if most <= least {
		return least
	}
	switch g.IntN(8) {
	case 0:
		return least
	case 1:
		return least + 1
	case 2:
		return most
	case 3:
		return most - 1
	}
	return least + g.Uint64N(min(most-least, 8)+1)
}

// anything is JSON that no schema describes.
func (g *generator) anything(depth int) any {
	kinds := 8
	if depth >= maxDepth {
		kinds = 5
	}
	switch g.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return g.oneIn(2)
	case 2:
		return json.Number(pick(g, someNumbers))
	case 3, 4:
		return g.word(0, 20)
	case 5:
		return g.array(&openapi3.Schema{}, "", depth+1)
	}
	object := map[string]any{}
	for range g.IntN(4) {
		object[g.word(0, 12)] = g.anything(depth + 1)
	}
	return object
}

// plain is a value of the document as JSON gives it.
func plain(v any) any {
	switch v := v.(type) {
	case float64:
		return json.Number(strconv.FormatFloat(v, 'f', -1, 64))
	case int, int64, uint64:
		return json.Number(fmt.Sprint(v))
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, member := range v {
			object[key] = plain(member)
		}
		return object
	}
	return v
}

// encode writes a value as JSON.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("resttest: %v", err)) // The generator makes nothing else.
	}
	return string(text)
}
