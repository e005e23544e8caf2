package blackbox_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
)

// The demo tenants.
const (
	acme   = "acme"
	globex = "globex"
)

// object is a JSON object.
type object = map[string]any

// request asks for an operation by its id.
type request struct {
	op     string
	path   map[string]string // By parameter; a walk fills in what it has made.
	query  url.Values
	header http.Header
	body   []byte
	want   int // Zero is the operation's success.
}

// clone lets a test change a request that others send too.
func (r request) clone() request {
	r.path, r.query, r.header = maps.Clone(r.path), maps.Clone(r.query), r.header.Clone()
	if r.query == nil {
		r.query = url.Values{}
	}
	if r.header == nil {
		r.header = http.Header{}
	}
	return r
}

// answer is what came back; value is its JSON.
type answer struct {
	status int
	header http.Header
	body   []byte
	value  any
}

// client speaks as a user of one tenant, and keeps what it saw.
type client struct {
	slug, host, token string
	base              string // Where requests go: the service, or a proxy before it.
	http              *http.Client
	ops               map[string]*operation

	mu   sync.Mutex
	seen []string
}

func newClient(t *testing.T, slug string) *client {
	t.Helper()
	ops, err := document()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(server.addr, ":")
	host := slug + ".localhost:" + port
	c := &client{slug: slug, host: host, token: server.tokens[slug], base: "http://" + host, http: server.client(), ops: ops}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// as speaks as another user of the tenant, with a token as the tool makes them.
func (c *client) as(t *testing.T, user string) *client {
	t.Helper()
	key, err := devauth.Open(server.dir)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(c.token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims, err := decodeJSON(payload)
	if err != nil {
		t.Fatal(err)
	}
	id, err := tenant.ParseID(fmt.Sprint(claims.(object)[devauth.TenantClaim]))
	if err != nil {
		t.Fatal(err)
	}
	other := newClient(t, c.slug)
	if other.token, err = key.Token(id, user, devauth.DefaultTTL); err != nil {
		t.Fatal(err)
	}
	return other
}

// send sends what it is given, to the tenant's host, with no more than that.
func (c *client) send(t *testing.T, method, target string, header http.Header, body []byte) *answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.base+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header.Clone()
	}
	if !strings.HasSuffix(c.base, c.host) {
		r.Header.Set("X-Forwarded-Host", c.host)
	}
	res, err := c.http.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	a := &answer{status: res.StatusCode, header: res.Header, body: readAll(t, res)}
	if isJSON(res.Header.Get("Content-Type")) && len(a.body) > 0 && res.Header.Get("Content-Encoding") == "" {
		if a.value, err = decodeJSON(a.body); err != nil {
			t.Fatalf("%s %s: %v: %s", method, target, err, a.body)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, fmt.Sprintf("%s %s\n%v\n%s", method, target, a.header, a.body))
	return a
}

// headers are those of a request with the tenant's token.
func (c *client) headers(op *operation, req request) http.Header {
	h := req.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if _, decided := h["Authorization"]; !decided {
		h.Set("Authorization", "Bearer "+c.token)
	}
	if req.body != nil && h.Get("Content-Type") == "" {
		h.Set("Content-Type", op.contentType())
	}
	return h
}

// op finds an operation of the document.
func (c *client) op(t *testing.T, id string) *operation {
	t.Helper()
	op := c.ops[id]
	if op == nil {
		t.Fatalf("openapi.yaml has no operation %s", id)
	}
	return op
}

// do sends a request, wants its status, and holds the answer, and the request
// when it is to succeed, against the document.
func (c *client) do(t *testing.T, req request) *answer {
	t.Helper()
	op := c.op(t, req.op)
	want := req.want
	if want == 0 {
		want = op.success
	}
	a := c.attempt(t, req)
	if a.status != want {
		t.Fatalf("%s: %s %s: %d instead of %d: %.1000s", req.op, op.method, op.target(req.path, req.query), a.status, want, a.body)
	}
	return a
}

// attempt sends a request and holds the answer against the document, whatever
// its status.
func (c *client) attempt(t *testing.T, req request) *answer {
	t.Helper()
	op := c.op(t, req.op)
	header := c.headers(op, req)
	a := c.send(t, op.method, op.target(req.path, req.query), header, req.body)
	r, err := http.NewRequestWithContext(t.Context(), op.method, "http://"+c.host+op.target(req.path, req.query), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	if err := op.check(t.Context(), r, req.path, a.status, a.header, a.body); err != nil {
		t.Errorf("%s: the answer to %s %s: %v", req.op, op.method, op.target(req.path, req.query), err)
	}
	if a.status < http.StatusBadRequest {
		if err := op.checkRequest(t.Context(), r, req.path, req.body); err != nil {
			t.Errorf("%s: the request %s %s: %v", req.op, op.method, op.target(req.path, req.query), err)
		}
	}
	if violations := a.header.Get("Sl-Violations"); violations != "" {
		t.Errorf("%s: Prism reports %s", req.op, violations)
	}
	return a
}

// get is a property of an answer's object.
func (a *answer) get(t *testing.T, name string) any {
	t.Helper()
	o, ok := a.value.(object)
	if !ok {
		t.Fatalf("no object: %s", a.body)
	}
	v, found := o[name]
	if !found {
		t.Fatalf("no %s in %s", name, a.body)
	}
	return v
}

// text is a property as it stands in a path.
func (a *answer) text(t *testing.T, name string) string {
	t.Helper()
	return fmt.Sprint(a.get(t, name))
}

// items are those of a page.
func (a *answer) items(t *testing.T) []object {
	t.Helper()
	list, ok := a.get(t, "items").([]any)
	if !ok {
		t.Fatalf("items: %s", a.body)
	}
	out := make([]object, len(list))
	for i, v := range list {
		if out[i], ok = v.(object); !ok {
			t.Fatalf("items: %s", a.body)
		}
	}
	return out
}

// problem is the last part of a problem's type.
func (a *answer) problem() string {
	o, _ := a.value.(object)
	kind, _ := o["type"].(string)
	return kind[strings.LastIndex(kind, "/")+1:]
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// decodeJSON keeps numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
