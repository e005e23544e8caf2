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
		r := send(t, p.operator, "POST", "http://operator/v1/tenants/acme/"+step, body, "Authorization", "Bearer "+w.key)
		if r.status != want {
			t.Errorf("%s: %d %s", step, r.status, r.body)
		}
	}
	token := w.issuer.Token(t, w.Tenants[0], "owner@acme.example")
	refused := func() bool {
		return send(t, p.addr, "GET", "http://acme.app.example/v1/me", "", "Authorization", "Bearer "+token).status == http.StatusForbidden
	}
	operate("suspend", `{"reason":"unpaid"}`, http.StatusOK)
	eventually(t, "a suspended tenant is refused", refused)
	operate("resume", "", http.StatusOK)
	operate("purge", `{"confirm":"acme"}`, http.StatusConflict)
	audit := send(t, p.operator, "GET", "http://operator/v1/audit?tenant=acme", "", "Authorization", "Bearer "+w.key)
	for _, want := range []string{`"actor":"operator:ann"`, `"action":"suspend"`, `"action":"resume"`} {
		if !strings.Contains(audit.body, want) {
			t.Errorf("no %s in %s", want, audit.body)
		}
	}
	if r := send(t, p.operator, "GET", "http://operator/healthz", ""); r.status != http.StatusOK {
		t.Errorf("healthz: %d", r.status)
	}
}
