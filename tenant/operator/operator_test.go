package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
	"github.com/bailiwick-dev/bailiwick/tenant/operator"
	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// plans let tenants have one.
const plans = `
CREATE TABLE public.plans (name text PRIMARY KEY);
INSERT INTO public.plans VALUES ('free'), ('team');
ALTER TABLE public.tenants ADD COLUMN plan text REFERENCES public.plans (name);
`

// api is the operator API on a test's database, with tenants acme and globex.
type api struct {
	*tenanttest.DB

	handler http.Handler
	key     string
	log     bytes.Buffer
	proven  prover
}

// prover knows which hosts show their tokens.
type prover map[string]bool

// Prove implements catalog.Prover.
func (p prover) Prove(_ context.Context, host, _ string) error {
	if !p[host] {
		return domains.ErrNotProven
	}
	return nil
}

func newAPI(t *testing.T) *api {
	t.Helper()
	schema := catalog.Schema{Public: tenanttest.PublicSchema + plans, Tenant: "CREATE TABLE notes (text text);"}
	a := &api{DB: tenanttest.New(t, tenanttest.Options{Schema: schema}), proven: prover{}}
	var err error
	a.Catalog, err = catalog.Open(t.Context(), catalog.Config{
		URL: a.OwnerURL, Schema: schema, Domains: catalog.DomainConfig{Base: "app.example", Prover: a.proven},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Catalog.Close)
	var keys operator.Keys
	var entries []string
	for _, name := range []string{"bob", "ann"} {
		key, entry, err := operator.GenerateKey(name)
		if err != nil {
			t.Fatal(err)
		}
		a.key, entries = key, append(entries, entry)
	}
	if err := keys.UnmarshalText([]byte(strings.Join(entries, ", "))); err != nil {
		t.Fatal(err)
	}
	a.handler, err = operator.New(operator.Config{Catalog: a.Catalog, Keys: keys, Logger: slog.New(slog.NewTextHandler(&a.log, nil)),
		Open: map[string]http.Handler{"/open": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "open") })}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// send sends a request as ann; headers are pairs of name and value.
func (a *api) send(t *testing.T, method, target, body string, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+a.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	var value map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil && w.Body.Len() > 0 {
		t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	return w, value
}

// want sends a request and checks the status.
func (a *api) want(t *testing.T, status int, method, target, body string, headers ...string) (http.Header, map[string]any) {
	t.Helper()
	w, value := a.send(t, method, target, body, headers...)
	if w.Code != status {
		t.Errorf("%s %s %s: %d instead of %d: %s", method, target, body, w.Code, status, w.Body)
	}
	return w.Header(), value
}

// The whole life of a tenant, with the state after each step.
func TestLife(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	header, made := a.want(t, 201, "POST", "/v1/tenants", `{"slug":"initech","name":"Initech","plan":"team","owner_email":"peter@initech.example"}`)
	id, _ := made["id"].(string)
	at := "/v1/tenants/" + id
	if header.Get("Location") != at || made["state"] != "active" || made["plan"] != "team" || made["revision"] != 1.0 {
		t.Errorf("%v %v", header, made)
	}
	for _, step := range []struct {
		step, body, state string
		status            int
	}{
		{"rename", `{"slug":"initrode"}`, "active", 200},
		{"set-name", `{"name":"Initrode"}`, "active", 200},
		{"set-plan", `{"plan":"free"}`, "active", 200},
		{"set-plan", `{"plan":"gold"}`, "", 422},
		{"suspend", `{"reason":"unpaid"}`, "suspended", 200},
		{"suspend", `{"reason":"unpaid"}`, "suspended", 200},
		{"restore", "", "", 409},
		{"resume", "", "active", 200},
		{"purge", `{"confirm":"initrode"}`, "", 409},
		{"offboard", `{"reason":"moved away"}`, "offboarding", 200},
		{"purge", `{"confirm":"initrode"}`, "", 409},
		{"restore", "", "active", 200},
		{"offboard", `{"reason":"moved away","grace_days":1}`, "offboarding", 200},
		{"purge", `{"confirm":"initech","early":true}`, "", 422},
		{"purge", `{"confirm":"initrode","early":true}`, "purged", 200},
		{"restore", "", "", 409},
	} {
		_, got := a.want(t, step.status, "POST", at+"/"+step.step, step.body)
		if step.status == 200 && got["state"] != step.state {
			t.Errorf("%s: %v", step.step, got)
		}
		if detail, _ := got["detail"].(string); step.status == 409 && detail == "" {
			t.Errorf("%s: no word of why: %v", step.step, got)
		}
	}
	_, page := a.want(t, 200, "GET", "/v1/audit?limit=3&tenant="+id, "")
	items, _ := page["items"].([]any)
	var actions []string
	for _, item := range items {
		entry, _ := item.(map[string]any)
		if entry["actor"] != "operator:ann" {
			t.Errorf("%v", entry)
		}
		actions = append(actions, entry["action"].(string))
	}
	if diff := cmp.Diff([]string{"purge", "offboard", "restore"}, actions); diff != "" || page["next_before"] == nil {
		t.Errorf("(-want +got):\n%s %v", diff, page["next_before"])
	}
	if log := a.log.String(); strings.Contains(log, a.key) {
		t.Errorf("the log holds the key:\n%s", log)
	}
}

// A key of idempotency is one tenant, and each operator has keys of their own.
func TestCreateOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, first := a.want(t, 201, "POST", "/v1/tenants", `{"slug":"initech"}`, "Idempotency-Key", "k1")
	_, again := a.want(t, 201, "POST", "/v1/tenants", `{"slug":"initech"}`, "Idempotency-Key", "k1")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
	a.want(t, 409, "POST", "/v1/tenants", `{"slug":"umbrella"}`, "Idempotency-Key", "k1")
	_, taken := a.want(t, 409, "POST", "/v1/tenants", `{"slug":"initech"}`)
	if detail, _ := taken["detail"].(string); !strings.Contains(detail, "taken") || strings.Contains(detail, "SQLSTATE") {
		t.Errorf("%v", taken)
	}
	a.want(t, 422, "POST", "/v1/tenants", `{"slug":"admin"}`)
	a.want(t, 422, "POST", "/v1/tenants", `{"slug":"x","state":"active"}`)
}

// Who has read what is not there any more changes nothing.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	header, _ := a.want(t, 200, "GET", "/v1/tenants/acme", "")
	tag := header.Get("ETag")
	changed, _ := a.want(t, 200, "POST", "/v1/tenants/acme/set-name", `{"name":"Acme Inc."}`, "If-Match", tag)
	a.want(t, 412, "POST", "/v1/tenants/acme/set-name", `{"name":"Other"}`, "If-Match", tag)
	a.want(t, 200, "POST", "/v1/tenants/acme/set-name", `{"name":"Acme"}`, "If-Match", changed.Get("ETag"))
	a.want(t, 200, "POST", "/v1/tenants/acme/set-name", `{"name":"Acme 2"}`, "If-Match", "*")
	a.want(t, 400, "POST", "/v1/tenants/acme/set-name", `{"name":"Acme 3"}`, "If-Match", "acme")
	a.want(t, 304, "GET", "/v1/tenants/globex", "", "If-None-Match", "*")
	// What belongs to the tenant is no different.
	const domain, issuer = `{"host":"www.acme-inc.com"}`, `{"issuer":"https://id.acme-inc.com","audience":"x"}`
	const issuers = "/v1/tenants/acme/issuers"
	header, _ = a.want(t, 200, "GET", "/v1/tenants/acme", "")
	for _, c := range []struct {
		status               int
		method, target, body string
	}{
		{201, "POST", "/v1/tenants/acme/domains", domain},
		{422, "POST", "/v1/tenants/acme/domains/www.acme-inc.com/verify", ""},
		{204, "DELETE", "/v1/tenants/acme/domains/www.acme-inc.com", ""},
		{201, "POST", issuers, issuer},
		{204, "DELETE", issuers + "?issuer=https%3A%2F%2Fid.acme-inc.com&audience=x", ""},
	} {
		a.want(t, 412, c.method, c.target, c.body, "If-Match", tag)
		a.want(t, c.status, c.method, c.target, c.body, "If-Match", header.Get("ETag"))
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, slug := range []string{"c-one", "c-two"} {
		a.want(t, 201, "POST", "/v1/tenants", `{"slug":"`+slug+`"}`)
	}
	a.want(t, 200, "POST", "/v1/tenants/c-one/suspend", `{"reason":"x"}`)
	for target, want := range map[string][]string{
		"/v1/tenants":                             {"acme", "c-one", "c-two", "globex"},
		"/v1/tenants?limit=3":                     {"acme", "c-one", "c-two"},
		"/v1/tenants?limit=3&after=c-two":         {"globex"},
		"/v1/tenants?state=suspended":             {"c-one"},
		"/v1/tenants?state=active&after=acme":     {"c-two", "globex"},
		"/v1/tenants?state=purged&limit=1":        {},
		"/v1/tenants?after=zzz&state=offboarding": {},
	} {
		_, page := a.want(t, 200, "GET", target, "")
		items, _ := page["items"].([]any)
		slugs := []string{}
		for _, item := range items {
			slugs = append(slugs, item.(map[string]any)["slug"].(string))
		}
		if diff := cmp.Diff(want, slugs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
		if full := strings.Contains(target, "limit=3") && len(slugs) == 3; (page["next_after"] != nil) != full {
			t.Errorf("%s: next_after %v", target, page["next_after"])
		}
	}
	a.want(t, 400, "GET", "/v1/tenants?state=gone", "")
	a.want(t, 400, "GET", "/v1/tenants?limit=0", "")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, healthy := a.want(t, 200, "GET", "/v1/doctor", "")
	if _, ok := healthy["items"].([]any); !ok { // Roles of other tests' tenants may be among them.
		t.Errorf("%v", healthy)
	}
	_, nothing := a.want(t, 200, "POST", "/v1/doctor/mend", `{"kinds":["no-grants"]}`)
	if diff := cmp.Diff(map[string]any{"mended": []any{}, "left": []any{}}, nothing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

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

// Requests made from the document are answered as it says.
func TestFuzz(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	resttest.Fuzz(t, a.handler, resttest.Options{Document: operator.OpenAPI, Prepare: func(r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+a.key)
		}
	}})
}

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
