package attack

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// foreignIDs is attack 26: for each path parameter of each operation an id of B's
// at A is answered as one that nothing has.
func (c *campaign) foreignIDs(ctx context.Context) error {
	theirs, mine := c.harvest(ctx, c.B), c.harvest(ctx, c.A)
	tried := 0
	for _, op := range c.doc.operations {
		params := op.pathParams()
		if !op.secured || !op.tenants || len(params) == 0 {
			continue
		}
		last := params[len(params)-1]
		values := map[string]string{}
		for _, name := range params {
			if value, ok := foreign(theirs[name], mine[name]); ok {
				values[name] = value
			}
		}
		if _, ok := values[last]; !ok && len(values) == 0 {
			c.skipAt(op, 26, "an id of B's at A", op.String()+": no list shows something that only B has")
			continue
		}
		tried++
		if op.method == http.MethodGet { // What B was answered may be remembered, and by the id alone.
			r := op.call(c.B.Host, c.B.Token)
			r.path = op.target(values)
			c.send(ctx, r)
		}
		c.foreignID(ctx, op, values)
		// A's own parent with B's child, which a careless join would find.
		if own, ok := first(mine[params[0]]); ok && len(params) > 1 && values[last] != "" {
			mixed := map[string]string{params[0]: own, last: values[last]}
			c.foreignID(ctx, op, mixed)
		}
	}
	c.references(ctx, theirs, mine)
	if tried == 0 {
		c.skip(26, "an id of B's at A", "the document has no operation with an id of something that B has")
	}
	return nil
}

// references are ids of B's in the query and the body of operations, by the names
// that path parameters have for them: nothing is found by them and nothing made.
func (c *campaign) references(ctx context.Context, theirs, mine map[string][]string) {
	for _, op := range c.doc.operations {
		if !op.secured || !op.tenants || len(op.pathParams()) > 0 {
			continue
		}
		for _, name := range sorted(theirs) {
			id, ok := foreign(theirs[name], mine[name])
			if !ok {
				continue
			}
			if op.param(openapi3.ParameterInQuery, name) != nil {
				c.reference(ctx, op, name, id, func(r *request, value string) { r.path = op.withQuery(name, value) })
			}
			if p := op.property(name); p != nil {
				c.reference(ctx, op, name, id, func(r *request, value string) { r.body = op.contentWith(name, value, p) })
			}
		}
	}
}

func (c *campaign) reference(ctx context.Context, op *operation, name, id string, put func(*request, string)) {
	r := op.call(c.A.Host, c.A.Token)
	put(&r, absentLike(id))
	absent := c.send(ctx, r)
	put(&r, id)
	got := c.send(ctx, r)
	alike := got.status == absent.status && strings.ReplaceAll(got.body, id, "") == strings.ReplaceAll(absent.body, absentLike(id), "")
	c.judgeID(op, "an id of B's within A's request", op.String()+" with "+name, got, absent, alike, http.StatusConflict)
}

// absentLike is an id of the same form that nothing has.
func absentLike(id string) string {
	if ids.MatchString(id) {
		return "00000000-0000-4000-8000-000000000000"
	}
	if strings.Trim(id, "0123456789") == "" {
		return "2000000000"
	}
	return "absent"
}

// foreignID compares B's ids with ids that nothing has.
func (c *campaign) foreignID(ctx context.Context, op *operation, values map[string]string) {
	r := op.call(c.A.Host, c.A.Token)
	absent := c.send(ctx, r)
	r.path = op.target(values)
	got := c.send(ctx, r)
	alike := got.status == absent.status && without(got.body, op, values) == without(absent.body, op, nil)
	c.judgeID(op, "an id of B's at A", r.String(), got, absent, alike)
}

// judgeID judges the answer to an id of B's by that to one that nothing has. What
// made something of it is unsafe, whatever else it would take. To a reference more
// statuses may tell that there is no such thing.
func (c *campaign) judgeID(op *operation, name, sent string, got, absent answer, alike bool, more ...int) {
	want := "the answer to an absent id, 404"
	if op.method != http.MethodGet && got.status >= 200 && got.status < 300 {
		c.judgeAt(op, 26, name, sent, got.String(), false, want)
		return
	}
	c.judgeAlike(op, Result{Attack: 26, Case: name, Sent: sent, Want: want}, got, absent, alike, append(more, http.StatusOK, http.StatusNotFound)...)
}

// without takes the ids out of a body that repeats them.
func without(body string, op *operation, values map[string]string) string {
	for _, name := range op.pathParams() {
		value, ok := values[name]
		if !ok {
			value = op.absent(name, 0)
		}
		if len(value) > 5 {
			body = strings.ReplaceAll(body, value, "{"+name+"}")
		}
	}
	return body
}

// foreign is a value that only the other one has.
func foreign(theirs, mine []string) (string, bool) {
	for _, value := range theirs {
		if !slices.Contains(mine, value) {
			return value, true
		}
	}
	return "", false
}

func first(list []string) (string, bool) {
	if len(list) == 0 {
		return "", false
	}
	return list[0], true
}

// harvest asks the lists of a tenant for the ids of its things, by the name of the
// path parameter that takes them: the items of /v1/scans are for the {scan_id} of
// /v1/scans/{scan_id}.
func (c *campaign) harvest(ctx context.Context, p Party) map[string][]string {
	found := map[string][]string{}
	for range 2 { // Lists within something need its id first.
		for _, op := range c.doc.operations {
			names := op.pathParams()
			if len(names) == 0 {
				continue
			}
			last := names[len(names)-1]
			at := strings.Index(op.path, "/{"+last+"}")
			if list := c.doc.list(op.path[:at]); list != nil && len(found[last]) == 0 {
				found[last] = c.idsOf(ctx, p, list, last, found)
			}
		}
	}
	return found
}

// list is the GET operation of a path.
func (d *document) list(path string) *operation {
	for _, op := range d.operations {
		if op.method == http.MethodGet && op.path == path && op.secured {
			return op
		}
	}
	return nil
}

func (c *campaign) idsOf(ctx context.Context, p Party, list *operation, param string, known map[string][]string) []string {
	values := map[string]string{}
	for _, name := range list.pathParams() {
		value, ok := first(known[name])
		if !ok {
			return nil
		}
		values[name] = value
	}
	got := c.send(ctx, request{method: http.MethodGet, path: list.target(values), host: p.Host, token: p.Token})
	var ids []string
	for _, item := range items(got.body) {
		for _, name := range []string{param, "id", lowerCamel(param), "name"} {
			if value, ok := item[name]; ok && value != nil {
				ids = append(ids, textOf(value))
				break
			}
		}
	}
	return ids
}

// items are the objects of a list, as an array or under "items".
func items(body string) []map[string]any {
	var page struct {
		Items []map[string]any `json:"items"`
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if strings.HasPrefix(strings.TrimSpace(body), "[") {
		if decoder.Decode(&page.Items) != nil {
			return nil
		}
		return page.Items
	}
	if decoder.Decode(&page) != nil {
		return nil
	}
	return page.Items
}

// lowerCamel turns scan_id into scanId.
func lowerCamel(name string) string {
	words := strings.Split(name, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}
