package operate_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/operator"
)

func (w *world) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// Attack 42: a tenant's token does nothing at the operators' listener, an operator's
// key does nothing at the tenants', and neither listener has the other's paths.
func TestAttack42(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t)
	defer p.stop(t)
	tenants := w.issuer.Token(t, w.Tenants[0], "owner@acme.example")
	doc, err := openapi3.NewLoader().LoadFromData(operator.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		path = strings.NewReplacer("{tenant}", "acme", "{host}", "a.example").Replace(path)
		for method := range item.Operations() {
			if r := send(t, p.operator, method, "http://acme.app.example"+path, "", "Authorization", "Bearer "+tenants); r.status != http.StatusUnauthorized {
				t.Errorf("a tenant's token at %s %s: %d %s", method, path, r.status, r.body)
			}
			r := send(t, p.addr, method, "http://acme.app.example"+path, "", "Authorization", "Bearer "+w.key)
			if r.status != http.StatusNotFound && r.status != http.StatusMethodNotAllowed && r.status != http.StatusUnauthorized {
				t.Errorf("%s %s at the tenants' listener: %d %s", method, path, r.status, r.body)
			}
		}
	}
	if r := send(t, p.addr, "GET", "http://acme.app.example/v1/providers", "", "Authorization", "Bearer "+w.key); r.status != http.StatusUnauthorized {
		t.Errorf("an operator's key at the tenants' API: %d %s", r.status, r.body)
	}
	if r := send(t, p.operator, "GET", "http://acme.app.example/v1/providers", "", "Authorization", "Bearer "+w.key); r.status != http.StatusNotFound {
		t.Errorf("the tenants' API at the operators' listener: %d %s", r.status, r.body)
	}
}

// What an operator does is served at once, and audited.
func TestOperate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t)
	defer p.stop(t)
	operate := func(step, body string, want int) {
		t.Helper()
		r := send(t, p.operator, "POST", "http://operator/v1/tenants"+step, body, "Authorization", "Bearer "+w.key)
		if r.status != want {
			t.Errorf("%s: %d %s", step, r.status, r.body)
		}
	}
	const peter = "peter@initech.example"
	operate("", `{"slug":"initech","plan":"team","owner_email":"`+peter+`"}`, http.StatusCreated)
	becomes := func(want int) func() bool {
		return func() bool { return w.served(t, p, "initech.app.example", peter).status == want }
	}
	eventually(t, "the new tenant is served", becomes(http.StatusOK))
	operate("/initech/suspend", `{"reason":"unpaid"}`, http.StatusOK)
	eventually(t, "a suspended tenant is refused", becomes(http.StatusForbidden))
	operate("/initech/resume", "", http.StatusOK)
	eventually(t, "a resumed tenant is served", becomes(http.StatusOK))
	operate("/initech/purge", `{"confirm":"initech"}`, http.StatusConflict)
	operate("/initech/offboard", `{"reason":"moved away"}`, http.StatusOK)
	eventually(t, "an offboarded tenant is refused", becomes(http.StatusForbidden))
	audit := send(t, p.operator, "GET", "http://operator/v1/audit?tenant=initech", "", "Authorization", "Bearer "+w.key)
	for _, want := range []string{`"create"`, `"suspend"`, `"resume"`, `"offboard"`} {
		if !strings.Contains(audit.body, `"actor":"operator:ann","action":`+want) {
			t.Errorf("no %s in %s", want, audit.body)
		}
	}
	if r := send(t, p.operator, "GET", "http://operator/healthz", ""); r.status != http.StatusOK {
		t.Errorf("healthz: %d", r.status)
	}
}
