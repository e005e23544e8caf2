package blackbox_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// walk is one tenant's way through all operations. It remembers what it made
// and the last request of each operation that succeeded, from which the other
// tests derive theirs.
type walk struct {
	*client

	ids   map[string]string // By path parameter.
	calls map[string]request
	run   string
	keys  int
}

func newWalk(c *client) *walk {
	return &walk{client: c, ids: map[string]string{}, calls: map[string]request{}, run: fmt.Sprintf("%x", time.Now().UnixNano()%1e12)}
}

// mark makes a text that names the tenant, and is new in each run.
func (w *walk) mark(text string) string { return text + "-" + w.slug + "-" + w.run }

// option changes a request of a walk.
type option func(*request)

func jsonBody(t *testing.T, o object) option { return raw(toJSON(t, o)) }

func raw(text []byte) option { return func(r *request) { r.body = text } }

func query(pairs ...string) option {
	return func(r *request) {
		for i := 0; i < len(pairs); i += 2 {
			r.query.Add(pairs[i], pairs[i+1])
		}
	}
}

func header(name, value string) option { return func(r *request) { r.header.Set(name, value) } }

func path(name, value string) option { return func(r *request) { r.path[name] = value } }

// call sends a request that must succeed, with what the document's conventions
// add to it: a stale If-Match is refused and the right one is not, and a
// creation that is repeated with its key happens once.
func (w *walk) call(t *testing.T, id string, options ...option) *answer {
	t.Helper()
	op := w.op(t, id)
	req := request{op: id}.clone()
	req.path = map[string]string{}
	for _, name := range op.pathParams() {
		req.path[name] = w.ids[name]
	}
	for _, o := range options {
		o(&req)
	}
	if op.param(openapi3.ParameterInHeader, "Idempotency-Key") != nil {
		w.keys++
		req.header.Set("Idempotency-Key", fmt.Sprintf("%s-%s-%d", w.slug, w.run, w.keys))
	}
	if op.param(openapi3.ParameterInHeader, "If-Match") != nil {
		w.match(t, op, &req)
	}
	a := w.do(t, req)
	if req.header.Get("Idempotency-Key") != "" {
		w.replay(t, req, a)
	}
	if a.status == http.StatusCreated {
		w.follow(t, id, a)
	}
	w.calls[id] = req
	return a
}

// follow gets what was created, from where the answer says that it is.
func (w *walk) follow(t *testing.T, id string, created *answer) {
	t.Helper()
	location := created.header.Get("Location")
	if !strings.HasPrefix(location, "/v1/") {
		t.Errorf("%s: Location %q is not a path of the API", id, location)
		return
	}
	found := w.send(t, http.MethodGet, location, http.Header{"Authorization": {"Bearer " + w.token}}, nil)
	if found.status != http.StatusOK {
		t.Errorf("%s: Location %s: %d %s", id, location, found.status, found.body)
	}
}

// refused sends a request that must fail.
func (w *walk) refused(t *testing.T, id string, status int, options ...option) *answer {
	t.Helper()
	req := request{op: id, want: status}.clone()
	req.path = map[string]string{}
	for _, name := range w.op(t, id).pathParams() {
		req.path[name] = w.ids[name]
	}
	for _, o := range options {
		o(&req)
	}
	return w.do(t, req)
}

// match sees to it that a change happens only to what was read.
func (w *walk) match(t *testing.T, op *operation, req *request) {
	t.Helper()
	stale := req.clone()
	stale.want = http.StatusPreconditionFailed
	stale.header.Set("If-Match", `"stale"`)
	if a := w.do(t, stale); a.problem() != "precondition-failed" {
		t.Errorf("%s: a stale If-Match is answered by %s", req.op, a.body)
	}
	item := op.doc.Paths.Value(op.path)
	if item.Get == nil {
		t.Fatalf("%s takes If-Match, and nothing gives an ETag at %s", req.op, op.path)
	}
	now := w.do(t, request{op: item.Get.OperationID, path: req.path})
	tag := now.header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		t.Fatalf("%s: ETag %q is not a strong one", item.Get.OperationID, tag)
	}
	req.header.Set("If-Match", tag)
}

// replay repeats a request with its key, and uses the key for something else.
func (w *walk) replay(t *testing.T, req request, first *answer) {
	t.Helper()
	req = req.clone()
	req.header.Del("If-Match")
	again := w.do(t, req)
	if !bytes.Equal(again.body, first.body) || again.header.Get("Idempotency-Replayed") != "true" ||
		again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("%s: repeated with its key: %v %s instead of %s", req.op, again.header, again.body, first.body)
	}
	other, changed := w.otherBody(t, req)
	if !changed {
		return
	}
	other.want = http.StatusConflict
	if a := w.do(t, other); a.problem() != "idempotency-key-reused" {
		t.Errorf("%s: its key with another body is answered by %s", req.op, a.body)
	}
}

// otherBody changes the first free text of a body.
func (w *walk) otherBody(t *testing.T, req request) (request, bool) {
	t.Helper()
	media := w.op(t, req.op).media("application/json")
	if media == nil || req.body == nil {
		return req, false
	}
	value, err := decodeJSON(req.body)
	if err != nil {
		t.Fatal(err)
	}
	o, ok := value.(object)
	if !ok {
		return req, false
	}
	for _, name := range sortedKeys(o) {
		property := media.Schema.Value.Properties[name]
		text, isText := o[name].(string)
		if isText && property != nil && property.Value.Format == "" && property.Value.Enum == nil && property.Value.Pattern == "" {
			changed := maps.Clone(o)
			changed[name] = text + "x"
			other := req.clone()
			other.body = toJSON(t, changed)
			return other, true
		}
	}
	return req, false
}

// keep remembers the id of what was made as the path parameter of its name.
func (w *walk) keep(t *testing.T, param string, a *answer) string {
	t.Helper()
	w.ids[param] = a.text(t, "id")
	return w.ids[param]
}

// missing are the operations of the document that the walk did not call.
func (w *walk) missing() []string {
	var missing []string
	for _, id := range sortedKeys(w.ops) {
		if _, called := w.calls[id]; !called {
			missing = append(missing, id)
		}
	}
	return missing
}

// has tells whether the values of a list hold one.
func has(list []object, property, value string) bool {
	return slices.ContainsFunc(list, func(o object) bool { return fmt.Sprint(o[property]) == value })
}
