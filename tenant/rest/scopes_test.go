package rest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const scopesDocument = `
openapi: 3.0.3
info: {title: Scopes, version: "1"}
security: [{bearer: []}]
paths:
  /any: {post: {operationId: any, responses: {"204": {description: ok}}}}
  /one: {post: {operationId: one, security: [{bearer: [], permissions: [write]}], responses: {"204": {description: ok}}}}
  /both: {post: {operationId: both, security: [{permissions: [read, write]}], responses: {"204": {description: ok}}}}
  /either: {post: {operationId: either, security: [{permissions: [read]}, {permissions: [write]}], responses: {"204": {description: ok}}}}
  /loose: {post: {operationId: loose, security: [{bearer: []}, {flows: []}], responses: {"204": {description: ok}}}}
  /flow: {post: {operationId: flow, security: [{flows: [read]}], responses: {"204": {description: ok}}}}
  /open: {post: {operationId: open, security: [], responses: {"204": {description: ok}}}}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    permissions: {type: openIdConnect, openIdConnectUrl: /.well-known/openid-configuration, x-scopes: {read: Read., write: Write.}}
    flows: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://id.example/token', scopes: {read: Read.}}}}
`

// unreadBody fails the test when a refused request's body is read.
type unreadBody struct{ t *testing.T }

func (b unreadBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, errors.New("unreadBody")
}

func wrapDocument(t *testing.T, document string, opts rest.Options) (http.Handler, error) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return rest.Wrap(doc, opts, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

func TestScopesAreEnforced(t *testing.T) {
	t.Parallel()
	wanted := map[string][][]string{}
	h, err := wrapDocument(t, scopesDocument, rest.Options{Scoped: true, Authenticate: func(r *http.Request, op rest.Operation) (context.Context, error) {
		wanted[op.ID] = op.Scopes
		return rest.WithScopes(r.Context(), strings.Fields(r.Header.Get("Scopes"))), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, scopes string
		status       int
		challenge    string
	}{
		{"/any", "", 204, ""},
		{"/open", "", 204, ""},
		{"/loose", "", 204, ""},
		{"/one", "write other", 204, ""},
		{"/one", "read", 403, `scope="write"`},
		{"/one", "", 403, `scope="write"`},
		{"/one", "Write", 403, `scope="write"`},
		{"/both", "read", 403, `scope="read write"`},
		{"/both", "write read", 204, ""},
		{"/either", "write", 204, ""},
		{"/either", "other", 403, `scope="read"`},
		{"/flow", "write", 403, `scope="read"`},
		{"/flow", "read", 204, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, http.NoBody)
		if c.status == http.StatusForbidden {
			r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, unreadBody{t})
			r.ContentLength = rest.DefaultMaxBody + 1
		}
		r.Header.Set("Scopes", c.scopes)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		challenge := w.Header().Get("WWW-Authenticate")
		if w.Code != c.status || (c.challenge != "" && challenge != `Bearer error="insufficient_scope", `+c.challenge) {
			t.Errorf("%s with %q: %d %s %s", c.path, c.scopes, w.Code, challenge, w.Body)
		}
		if c.status == http.StatusForbidden && !strings.Contains(w.Body.String(), `"type":"`+rest.ProblemBase+`insufficient-scope"`) {
			t.Errorf("%s: %s", c.path, w.Body)
		}
	}
	want := map[string][][]string{
		"any": nil, "open": nil, "loose": nil, "one": {{"write"}}, "both": {{"read", "write"}}, "either": {{"read"}, {"write"}}, "flow": {{"read"}},
	}
	if diff := cmp.Diff(want, wanted); diff != "" {
		t.Error(diff)
	}
}

func TestWrapRefusesRequirements(t *testing.T) {
	t.Parallel()
	yes := func(r *http.Request, _ rest.Operation) (context.Context, error) { return r.Context(), nil }
	for name, c := range map[string]struct {
		edit func(string) string
		opts rest.Options
		want string
	}{
		"nothing said":     {func(d string) string { return strings.Replace(d, "security: [{bearer: []}]\n", "", 1) }, rest.Options{Authenticate: yes, Scoped: true}, "POST /any: nothing says who may call the operation"},
		"document's empty": {func(d string) string { return strings.Replace(d, "security: [{bearer: []}]\n", "security: []\n", 1) }, rest.Options{Authenticate: yes, Scoped: true}, "POST /any: nothing says who may call the operation"},
		"no such scope":    {func(d string) string { return strings.Replace(d, "[read, write]", "[read, wirte]", 1) }, rest.Options{Authenticate: yes, Scoped: true}, `the scope "wirte", which the scheme permissions does not define`},
		"no such scheme":   {func(d string) string { return strings.Replace(d, "{flows: [", "{flaws: [", 1) }, rest.Options{Authenticate: yes, Scoped: true}, `the scheme "flaws"`},
		"scope of bearer":  {func(d string) string { return strings.Replace(d, "bearer: [], p", "bearer: [read], p", 1) }, rest.Options{Authenticate: yes, Scoped: true}, `the scope "read", which the scheme bearer does not define`},
		"one way free":     {func(d string) string { return strings.Replace(d, "{flows: []}", "{flows: [read]}", 1) }, rest.Options{Authenticate: yes, Scoped: true}, "POST /loose: `security` wants scopes in one alternative and none in another"},
		"unscoped":         {strings.Clone, rest.Options{Authenticate: yes}, rest.ErrUnscoped.Error()},
		"unauthenticated":  {strings.Clone, rest.Options{}, "Options.Authenticate is nil"},
	} {
		if _, err := wrapDocument(t, c.edit(scopesDocument), c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDemand(t *testing.T) {
	t.Parallel()
	ctx := rest.WithScopes(t.Context(), []string{"read", "write"})
	if err := errors.Join(rest.Demand(ctx), rest.Demand(ctx, "write", "read")); err != nil {
		t.Error(err)
	}
	problem, header := rest.ProblemOf(rest.Demand(ctx, "write", "manage", "admin", "manage"))
	want := rest.Problem{Type: rest.ProblemBase + "insufficient-scope", Title: problem.Title, Status: http.StatusForbidden, Detail: "the caller lacks admin and manage"}
	if diff := cmp.Diff(want, problem); diff != "" || header.Get("WWW-Authenticate") != `Bearer error="insufficient_scope", scope="admin manage"` {
		t.Errorf("%v\n%s", header, diff)
	}
	if rest.Demand(t.Context(), "read") == nil {
		t.Error("a caller of whom nothing is known may read")
	}
}
