package operator_test

import (
	"testing"
)

// A host is a tenant's once it is proven.
func TestDomains(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const at = "/v1/tenants/acme/domains"
	_, claim := a.want(t, 201, "POST", at, `{"host":"App.Acme.example"}`)
	if claim["host"] != "app.acme.example" || claim["token"] == "" || claim["verified_at"] != nil {
		t.Errorf("%v", claim)
	}
	a.want(t, 422, "POST", at, `{"host":"x.app.example"}`)
	a.want(t, 422, "POST", at+"/app.acme.example/verify", "")
	a.proven["app.acme.example"] = true
	if _, claim = a.want(t, 200, "POST", at+"/app.acme.example/verify", ""); claim["verified_at"] == nil {
		t.Errorf("%v", claim)
	}
	a.want(t, 201, "POST", "/v1/tenants/globex/domains", `{"host":"app.acme.example"}`)
	a.want(t, 409, "POST", "/v1/tenants/globex/domains/app.acme.example/verify", "")
	_, list := a.want(t, 200, "GET", at, "")
	if items, _ := list["items"].([]any); len(items) != 1 {
		t.Errorf("%v", list)
	}
	a.want(t, 204, "DELETE", at+"/app.acme.example", "")
	a.want(t, 404, "DELETE", at+"/app.acme.example", "")
	a.want(t, 404, "GET", "/v1/tenants/nobody/domains", "")
}
