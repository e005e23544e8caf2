package blackbox_test

import (
	"bytes"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	uuid     = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	isNumber = regexp.MustCompile(`^[0-9]+$`)
)

// nobodys is an id that nothing has.
const nobodys = "00000000-0000-4000-8000-000000000000"

// testIsolation tries to get at the other tenant's things by every operation
// that takes an id, and then looks for the other tenant in every byte that came
// back, from the first example on.
func testIsolation(t *testing.T, a, b *walk) {
	for _, pair := range [][2]*walk{{a, b}, {b, a}} {
		attacker, victim := pair[0], pair[1]
		t.Run(attacker.slug, func(t *testing.T) {
			before := victim.snapshot(t)
			tried := 0
			for _, id := range sortedKeys(attacker.calls) {
				tried += attacker.foreignPaths(t, id, victim)
				attacker.foreignReferences(t, id, victim)
			}
			if tried < 20 {
				t.Errorf("only %d attempts: the test does not try what it should", tried)
			}
			if after := victim.snapshot(t); !maps.Equal(before, after) {
				t.Errorf("%s has changed what is %s's:\n%v\n%v", attacker.slug, victim.slug, before, after)
			}
		})
	}
	for _, pair := range [][2]*walk{{a, b}, {b, a}} {
		pair[0].unseen(t, pair[1])
	}
}

// snapshot reads everything that the tenant made by its id.
func (w *walk) snapshot(t *testing.T) map[string]string {
	t.Helper()
	read := map[string]string{}
	for id, req := range w.calls {
		if op := w.ops[id]; op.method == http.MethodGet && len(op.pathParams()) > 0 {
			req = req.clone()
			for name := range req.header {
				if strings.HasPrefix(name, "If-") || name == "Prefer" {
					req.header.Del(name)
				}
			}
			read[id] = string(w.do(t, req).body)
		}
	}
	return read
}

// owned tells whether an id of the other's is one that this tenant has not.
// Numbers begin anew in every tenant: those the other reached first are its own.
func (w *walk) owned(other *walk, param string) (string, bool) {
	theirs, found := other.ids[param]
	if !found || theirs == w.ids[param] {
		return "", false
	}
	if isNumber.MatchString(theirs) {
		mine, errMine := strconv.Atoi(w.ids[param])
		n, err := strconv.Atoi(theirs)
		return theirs, errMine == nil && err == nil && n > mine
	}
	return theirs, true
}

// foreignPaths asks for the other's ids, one path parameter at a time. The answer
// must be that of an id which nobody has: 404, or from a list no items.
func (w *walk) foreignPaths(t *testing.T, id string, other *walk) (tried int) {
	t.Helper()
	op := w.ops[id]
	for _, param := range op.pathParams() {
		theirs, found := w.owned(other, param)
		if !found {
			continue
		}
		tried++
		req := w.foreign(id, "foreign-"+param)
		req.path[param] = theirs
		got := w.attempt(t, req)
		if !got.nothing(op) {
			t.Errorf("%s with the other's %s: %d %s", id, param, got.status, got.body)
		}
		req = w.foreign(id, "absent-"+param)
		if req.path[param] = nobodys; isNumber.MatchString(theirs) {
			req.path[param] = "987654321"
		}
		if absent := w.attempt(t, req); absent.status != got.status || !bytes.Equal(got.body, absent.body) {
			t.Errorf("%s tells the other's %s from nobody's: %s and %s", id, param, got.body, absent.body)
		}
	}
	return tried
}

// nothing tells whether an answer is what there is to say of an absent thing.
func (a *answer) nothing(op *operation) bool {
	o, _ := a.value.(object)
	items, isList := o["items"].([]any)
	return a.status == http.StatusNotFound || (op.method == http.MethodGet && a.status == http.StatusOK && isList && len(items) == 0)
}

// foreign is a request that succeeded, to be made anew.
func (w *walk) foreign(id, key string) request {
	req := w.calls[id].clone()
	req.header.Del("If-Match")
	if req.header.Get("Idempotency-Key") != "" {
		req.header.Set("Idempotency-Key", key+"-"+w.run)
	}
	return req
}

// foreignReferences names the other's ids in the query and in the body: nothing
// is found by them and nothing is made.
func (w *walk) foreignReferences(t *testing.T, id string, other *walk) {
	t.Helper()
	req := w.foreign(id, "reference")
	for param := range req.query {
		if theirs, found := w.owned(other, param); found {
			req.query.Set(param, theirs)
			if a := w.attempt(t, req); a.status < 300 && strings.Contains(string(a.body), `"items":[{`) {
				t.Errorf("%s finds something by the other's %s: %s", id, param, a.body)
			}
		}
	}
	value, err := decodeJSON(req.body)
	sent, ok := value.(object)
	if err != nil || !ok {
		return
	}
	for property := range sent {
		theirs, found := w.owned(other, property)
		if !found {
			continue
		}
		changed := maps.Clone(sent)
		changed[property] = theirs
		if isNumber.MatchString(theirs) {
			changed[property], _ = strconv.Atoi(theirs)
		}
		req := w.foreign(id, "reference-"+property)
		req.body = toJSON(t, changed)
		if a := w.attempt(t, req); a.status < 400 || a.status >= 500 {
			t.Errorf("%s with the other's %s: %d %s", id, property, a.status, a.body)
		}
	}
}

// unseen fails when anything that came back to this tenant names the other one
// or holds an id of the other's.
func (w *walk) unseen(t *testing.T, other *walk) {
	t.Helper()
	theirs := map[string]bool{}
	for _, text := range other.seen {
		_, got, _ := strings.Cut(text, "\n")
		for _, id := range uuid.FindAllString(got, -1) {
			theirs[id] = true
		}
	}
	delete(theirs, nobodys)
	if len(theirs) < 20 {
		t.Errorf("only %d ids of %s are known: the test does not see what it should", len(theirs), other.slug)
	}
	for _, text := range w.seen {
		asked, got, _ := strings.Cut(text, "\n")
		if strings.Contains(got, other.slug) {
			t.Errorf("%s sees %s by %s: %.2000s", w.slug, other.slug, asked, got)
		}
		found := uuid.FindAllString(got, -1)
		if i := slices.IndexFunc(found, func(id string) bool { return theirs[id] }); i >= 0 {
			t.Errorf("%s sees %s of %s by %s: %.2000s", w.slug, found[i], other.slug, asked, got)
		}
	}
}
