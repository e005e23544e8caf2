package resttest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maxKnown bounds how many values of a name are remembered.
const maxKnown = 100

// known is what answers have told: ids of things that exist, cursors, entity tags.
type known struct {
	things []thing
	// values are by the name of a property or parameter, the latest last.
	values map[string][]any
	// cursors are by operation, etags by the request's path.
	cursors, etags map[string][]string
}

func newKnown(things []thing) *known {
	return &known{things: things, values: map[string][]any{}, cursors: map[string][]string{}, etags: map[string][]string{}}
}

// isID tells whether a name is that of an id of something.
func isID(key string) bool {
	return strings.HasSuffix(key, "_id") || strings.HasSuffix(key, "Id") || strings.HasSuffix(key, "ID")
}

// value is one of a name, often one of the latest, which are in more ways alive.
func (k *known) value(g *generator, key string) (any, bool) {
	all := k.values[key]
	if len(all) == 0 {
		return nil, false
	}
	if g.oneIn(3) {
		all = all[max(0, len(all)-3):]
	}
	return pick(g, all), true
}

// learn takes from an answer what later requests can refer to.
func (k *known) learn(op *operation, path string, header http.Header, body any) {
	if tag := header.Get("ETag"); tag != "" {
		remember(k.etags, path, tag)
	}
	if page, ok := body.(map[string]any); ok {
		if next, ok := page["next_cursor"].(string); ok {
			remember(k.cursors, op.name(), next)
		}
	}
	k.walk(k.namesOf(op.path), body)
}

// namesOf are the names by which requests refer to a thing of a path's kind:
// user_id for /v1/users, for /v1/users/{user_id} and for /v1/teams/{team_id}/users.
func (k *known) namesOf(path string) []string {
	last := lastWord(path)
	one := strings.TrimSuffix(last, "s")
	if stem, found := strings.CutSuffix(last, "ies"); found {
		one = stem + "y"
	}
	one = strings.ReplaceAll(one, "-", "_")
	names := []string{one + "_id", one + "Id"}
	for _, t := range k.things {
		if lastWord(t.list) == last && !slices.Contains(names, t.param) {
			names = append(names, t.param)
		}
	}
	return names
}

// lastWord is the last segment of a path that is no parameter.
func lastWord(path string) string {
	for _, segment := range slices.Backward(strings.Split(path, "/")) {
		if !strings.HasPrefix(segment, "{") {
			return segment
		}
	}
	return ""
}

func (k *known) walk(names []string, value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			k.walk(names, item)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			member := value[key]
			switch member.(type) {
			case string, json.Number:
				for _, name := range names {
					if name != key && strings.HasSuffix(strings.ToLower(name), strings.ToLower(key)) {
						remember(k.values, name, member)
					}
				}
				remember(k.values, key, member)
			default:
				k.walk(names, member)
			}
		}
	}
}

// remember appends what is new, in the place of something old when it is full.
func remember[T comparable](all map[string][]T, key string, value T) {
	old := all[key]
	if slices.Contains(old, value) {
		return
	}
	if len(old) >= maxKnown { // The first ones are of before the test, and stay longest.
		old = slices.Delete(old, maxKnown/2, maxKnown/2+1)
	}
	all[key] = append(old, value)
}
