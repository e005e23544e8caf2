package blackbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// opaque are properties that nobody but the service can make, or that the build
// decides: that they are there is all that an example can say.
var opaque = []string{"next_cursor", "token", "key", "key_id", "prefix", "version", "revision", "go_version"}

// daily is the operation whose answer is another one each day.
const daily = "listFindingTrend"

// testExamples sends the examples of everything that only reads to the demo data,
// whose user they are written for; what that one may not, the owner asks. What changes something needs data of its own
// for each example, and has it in server/examples_test.go.
func testExamples(t *testing.T, c, owner *client) {
	type pair struct {
		op  *operation
		got *answer
	}
	var pairs []pair
	for _, id := range sortedKeys(c.ops) {
		op := c.ops[id]
		if op.method != http.MethodGet {
			continue
		}
		req := request{op: id, path: op.examplePath(t), query: op.exampleQuery(t), header: op.exampleHeader()}
		a := c.attempt(t, req)
		if a.status == http.StatusForbidden {
			a = owner.attempt(t, req)
		}
		if a.status != op.success {
			t.Errorf("%s: the example %s is answered by %d %s", id, op.target(req.path, req.query), a.status, a.body)
		} else if op.responseExample() != nil && id != daily {
			pairs = append(pairs, pair{op, a})
		}
	}
	demo := map[string]bool{}
	for _, text := range slices.Concat(c.seen, owner.seen) {
		for _, id := range uuid.FindAllString(text, -1) {
			demo[id] = true
		}
	}
	for _, p := range pairs {
		media := p.op.response(p.got.status).Content.Get(p.got.header.Get("Content-Type"))
		if diff := differ(p.op.responseExample(), p.got.value, media.Schema.Value, "", demo); len(diff) > 0 {
			t.Errorf("%s: the example of the answer is not the answer:\n  %s\nthe answer: %s", p.op.OperationID, strings.Join(diff, "\n  "), p.got.body)
		}
	}
	t.Logf("%d operations have their answer among the examples", len(pairs))
}

func (o *operation) examplePath(t *testing.T) map[string]string {
	t.Helper()
	params := map[string]string{}
	for _, p := range o.params {
		if p.In == openapi3.ParameterInPath {
			params[p.Name] = textOf(o.parameterExample(t, p))
		}
	}
	return params
}

func (o *operation) exampleQuery(t *testing.T) url.Values {
	t.Helper()
	query := url.Values{}
	for _, p := range o.params {
		if p.In != openapi3.ParameterInQuery {
			continue
		}
		switch value := o.parameterExample(t, p).(type) {
		case nil:
		case []any:
			if p.Explode != nil && !*p.Explode {
				var texts []string
				for _, v := range value {
					texts = append(texts, textOf(v))
				}
				query.Set(p.Name, strings.Join(texts, ","))
				continue
			}
			for _, v := range value {
				query.Add(p.Name, textOf(v))
			}
		default:
			query.Set(p.Name, textOf(value))
		}
	}
	return query
}

// exampleHeader leaves out the conditions: they go by what was read before.
func (o *operation) exampleHeader() http.Header {
	header := http.Header{}
	for _, p := range o.params {
		if p.In == openapi3.ParameterInHeader && p.Example != nil && !strings.HasPrefix(p.Name, "If-") {
			header.Set(p.Name, textOf(p.Example))
		}
	}
	return header
}

// parameterExample is nil for an optional parameter without one.
func (o *operation) parameterExample(t *testing.T, p *openapi3.Parameter) any {
	t.Helper()
	if p.Example != nil {
		return p.Example
	}
	for _, name := range sortedKeys(p.Examples) {
		return p.Examples[name].Value.Value
	}
	if p.Required && p.Schema.Value.Example == nil {
		t.Errorf("%s: the required parameter %s has no example in openapi.yaml", o.OperationID, p.Name)
	}
	return p.Schema.Value.Example
}

// responseExample is the one of the answer in JSON; nil when there is none.
func (o *operation) responseExample() any {
	if media := o.response(o.success).Content["application/json"]; media != nil {
		return media.Example
	}
	return nil
}

func textOf(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// differ tells where an answer is not what the example says. Times end today and
// are only looked at for null; so are ids, unless the example's is one of the
// demo data, and what is opaque. A list in the example is how the answer's begins.
// All else must be equal.
func differ(want, got any, s *openapi3.Schema, at string, demo map[string]bool) []string {
	name := at[strings.LastIndex(at, "/")+1:]
	text, isText := want.(string)
	loose := isText && (slices.Contains(opaque, name) ||
		(s != nil && (s.Format == "date-time" || s.Format == "date" || (s.Format == "uuid" && !demo[text]))))
	switch want := want.(type) {
	case map[string]any:
		return differObject(want, got, s, at, demo)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) < len(want) || (len(want) == 0 && len(list) > 0) {
			return []string{fmt.Sprintf("%s: %d items in the example, %d in the answer", at, len(want), len(list))}
		}
		var diff []string
		for i := range want {
			var items *openapi3.Schema
			if s != nil && s.Items != nil {
				items = s.Items.Value
			}
			diff = append(diff, differ(want[i], list[i], items, at+"/"+strconv.Itoa(i), demo)...)
		}
		return diff
	case float64:
		n, ok := got.(json.Number)
		if f, err := n.Float64(); !ok || err != nil || f != want {
			return []string{fmt.Sprintf("%s: %v in the example, %v in the answer", at, want, got)}
		}
		return nil
	}
	if _, both := got.(string); loose && both {
		return nil
	}
	if want != got {
		return []string{fmt.Sprintf("%s: %v in the example, %v in the answer", at, want, got)}
	}
	return nil
}

func differObject(want map[string]any, got any, s *openapi3.Schema, at string, demo map[string]bool) []string {
	o, ok := got.(object)
	if !ok {
		return []string{fmt.Sprintf("%s: an object in the example, %v in the answer", at, got)}
	}
	var diff []string
	for _, name := range sortedKeys(o) {
		if _, found := want[name]; !found {
			diff = append(diff, fmt.Sprintf("%s/%s is not in the example", at, name))
		}
	}
	for _, name := range sortedKeys(want) {
		value, found := o[name]
		if !found {
			diff = append(diff, fmt.Sprintf("%s/%s is not in the answer", at, name))
			continue
		}
		var property *openapi3.Schema
		if s != nil && s.Properties[name] != nil {
			property = s.Properties[name].Value
		}
		diff = append(diff, differ(want[name], value, property, at+"/"+name, demo)...)
	}
	return diff
}
