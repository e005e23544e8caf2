package operator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/operator"
)

// Attack 42: without an operator's key nothing is answered, whatever else is sent.
func TestAttack42OperatorsOnly(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	doc, err := openapi3.NewLoader().LoadFromData(operator.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	before, err := a.Catalog.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, entry, err := operator.GenerateKey("ann")
	if err != nil {
		t.Fatal(err)
	}
	strange, _, err := operator.GenerateKey("ann")
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			for _, authorization := range []string{
				"", "Bearer", "Bearer ", "Bearer " + strange, "Bearer " + entry, "Bearer " + a.key + "x", "Bearer " + a.key[:len(a.key)-1], "Basic " + a.key,
				a.key, "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer bw_acme0001.secret", "Bearer " + strings.Repeat("a", 10_000),
			} {
				w, _ := a.send(t, method, strings.ReplaceAll(path, "{tenant}", "acme"), "", "Authorization", authorization)
				if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s with %.20s: %d %s", method, path, authorization, w.Code, w.Body)
				}
			}
		}
	}
	after, err := a.Catalog.List(t.Context())
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("%v (-before +after):\n%s", err, diff)
	}
}

func TestWithoutAKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for target, want := range map[string]string{"/healthz": "ok\n", "/open": "open"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	a.want(t, 405, "DELETE", "/v1/tenants/acme", "")
	a.want(t, 404, "GET", "/v1/tenants/nobody", "")
	a.want(t, 404, "GET", "/metrics", "")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	_, entry, err := operator.GenerateKey("ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "ann", "ann:", "ann:s3cret", entry + "00", entry[:len(entry)-1], strings.ToUpper(entry), entry + ",", "Ann" + entry[3:], entry + "," + ":s3cret"} {
		var keys operator.Keys
		if err := keys.UnmarshalText([]byte(text)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, name := range []string{"", "Ann", "a b", "a:b", "a,b", "-a", strings.Repeat("a", 64)} {
		if _, _, err := operator.GenerateKey(name); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
	if _, err := operator.New(operator.Config{}); err == nil {
		t.Error("made without a catalog")
	}
}
