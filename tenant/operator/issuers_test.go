package operator_test

import (
	"testing"
)

func TestIssuers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const at = "/v1/tenants/acme/issuers"
	_, added := a.want(t, 201, "POST", at, `{"issuer":"https://id.acme.example","audience":"api"}`)
	if added["issuer"] != "https://id.acme.example" || added["tenant_id"] != a.Tenants[0].ID.String() {
		t.Errorf("%v", added)
	}
	a.want(t, 422, "POST", at, `{"issuer":"http://id.acme.example","audience":"api"}`)
	_, list := a.want(t, 200, "GET", at, "")
	if items, _ := list["items"].([]any); len(items) != 1 {
		t.Errorf("%v", list)
	}
	_, none := a.want(t, 200, "GET", "/v1/tenants/globex/issuers", "")
	if items, _ := none["items"].([]any); len(items) != 0 {
		t.Errorf("%v", none)
	}
	const target = at + "?issuer=https://id.acme.example&audience=api"
	a.want(t, 404, "DELETE", "/v1/tenants/globex/issuers?issuer=https://id.acme.example&audience=api", "")
	a.want(t, 204, "DELETE", target, "")
	a.want(t, 404, "DELETE", target, "")
}
