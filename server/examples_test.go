package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// The examples of the document are requests of an analyst to the demo tenant
// acme. Each is sent, and the answer must be the documented one.
func TestExamplesAreReal(t *testing.T) {
	t.Parallel()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	db, tenants := newDemoTenants(t, acme)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			t.Run(op.OperationID, func(t *testing.T) {
				t.Parallel()
				of := tenants[0]
				if method != http.MethodGet { // Nobody else sees what it changes.
					of = addDemoTenant(t, db, strings.ToLower(op.OperationID), acme)
				}
				e := &example{method: method, path: path, op: op, parameters: slices.Concat(item.Parameters, op.Parameters)}
				e.send(t, router, newExampleService(t, db, of))
			})
		}
	}
}

// The problems of the document are those that the runtime answers with.
func TestProblemsAreReal(t *testing.T) {
	t.Parallel()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	table := doc.Components.Schemas["Problem"].Value.Properties["type"].Value.Description
	known := map[string]rest.ProblemType{}
	for _, p := range rest.ProblemTypes() {
		known[p.Type] = p
		if row := fmt.Sprintf("| `%s` | %d | %s |", p.Type, p.Status, p.Title); !strings.Contains(table, row) {
			t.Errorf("the document does not list %s", row)
		}
	}
	for name, response := range doc.Components.Responses {
		media := response.Value.Content.Get("application/problem+json")
		if media == nil {
			continue
		}
		var p rest.Problem
		if err := json.Unmarshal(encode(t, media.Example), &p); err != nil {
			t.Fatal(err)
		}
		if want := known[p.Type]; want != (rest.ProblemType{Type: p.Type, Title: p.Title, Status: p.Status}) {
			t.Errorf("the example of %s is %+v, want %+v", name, p, want)
		}
	}
}

// permissions are all that there are.
var permissions = []tenantdb.Permission{
	tenantdb.PermissionManageUsers, tenantdb.PermissionManageProviders, tenantdb.PermissionManageScans,
	tenantdb.PermissionManageFindings, tenantdb.PermissionViewFindings, tenantdb.PermissionExportReports,
}

// newExampleService answers for one tenant, to its owner in the analyst's name.
func newExampleService(t *testing.T, db *tenanttest.DB, of tenant.Tenant) http.Handler {
	t.Helper()
	c := newCustom(demoKeys, newExampleDesk(t, db))
	c.mail = mail.Log(slog.New(slog.DiscardHandler))
	h, err := handlers.New(handlers.Config{DB: db.DB, Custom: c, Options: rest.Options{
		PlanLimits: billing.Limits(db.DB, counts),
		Scoped:     true,
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			ctx := rest.WithScopes(tenant.NewContext(r.Context(), of), labels[string](permissions))
			return rest.WithSubject(ctx, "analyst@acme.example"), nil
		},
		Keys:   demoKeys,
		Logger: slog.New(slog.DiscardHandler),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// newExampleDesk takes sign-ups, whose mail nobody gets, and holds one that waits
// for the token of the example.
func newExampleDesk(t *testing.T, db *tenanttest.DB) *signup.Desk {
	t.Helper()
	hash := hex.EncodeToString(signup.Hash(demoKeys, []byte("initech-example-signup-token-0123456789abcd")))
	execOwner(t, db, `INSERT INTO bailiwick.signups (id, slug, name, email, plan, token_hash, expires_at)
		VALUES ('4a56c62c-8b8c-4b0f-9a2f-2d2b1d7f0c11', 'initech', 'Initech', 'peter@initech.example', 'team', '\x`+hash+`', now() + interval '1 day')
		ON CONFLICT DO NOTHING`)
	return signup.New(signup.Config{
		DB: db.DB, Keys: demoKeys, BaseDomain: "localhost", Mail: func(context.Context, mail.Message) error { return nil },
	})
}

// example is an operation with what its document says of a request.
type example struct {
	method, path string
	op           *openapi3.Operation
	parameters   openapi3.Parameters
}

func (e *example) send(t *testing.T, router routers.Router, service http.Handler) {
	t.Helper()
	r := e.request(t)
	w := httptest.NewRecorder()
	service.ServeHTTP(w, r)
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := e.success()
	if fmt.Sprint(res.StatusCode) != want {
		t.Fatalf("%s %s: %d instead of %s: %s", e.method, r.URL, res.StatusCode, want, body)
	}
	checkAnswer(t, router, r, res, body)
	media := e.op.Responses.Value(want).Value.Content.Get("application/json")
	if media == nil {
		return
	}
	if media.Example == nil {
		t.Fatalf("the answer of %s has no example in openapi.yaml: write one, such as what the service says: %s", e.op.OperationID, body)
	}
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if diff := differences("", plain(t, media.Example), got); diff != "" && !volatile[e.op.OperationID] {
		t.Errorf("%s %s: the example is not the answer:%s\nthe answer: %s", e.method, r.URL, diff, body)
	}
}

// volatile are the operations whose answers depend on the day or the build.
var volatile = map[string]bool{"GetVersion": true, "ListFindingTrend": true}

// success is the status of the only success that the document knows.
func (e *example) success() string {
	for code := range e.op.Responses.Map() {
		if strings.HasPrefix(code, "2") {
			return code
		}
	}
	return ""
}

// request is the one that the examples make.
func (e *example) request(t *testing.T) *http.Request {
	t.Helper()
	path, query, header := e.path, url.Values{}, http.Header{}
	for _, ref := range e.parameters {
		p := ref.Value
		switch {
		case p.Example == nil && p.Required:
			t.Fatalf("the parameter %s has no example", p.Name)
		case p.Example == nil:
		case p.In == openapi3.ParameterInPath:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(p.Example)))
		case p.In == openapi3.ParameterInQuery:
			addQuery(query, p)
		case p.In == openapi3.ParameterInHeader && !strings.HasPrefix(p.Name, "If-"): // They go by what was read before.
			header.Set(p.Name, fmt.Sprint(p.Example))
		}
	}
	var body []byte
	if e.op.RequestBody != nil {
		for mediaType, media := range e.op.RequestBody.Value.Content {
			header.Set("Content-Type", mediaType)
			body = payload(t, media)
		}
	}
	target := "http://acme.localhost" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(t.Context(), e.method, target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	r.Header.Set("Authorization", "Bearer x")
	return r
}

func addQuery(query url.Values, p *openapi3.Parameter) {
	list, ok := p.Example.([]any)
	if !ok {
		query.Set(p.Name, fmt.Sprint(p.Example))
		return
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	if p.Explode != nil && !*p.Explode {
		texts = []string{strings.Join(texts, ",")}
	}
	query[p.Name] = texts
}

func payload(t *testing.T, media *openapi3.MediaType) []byte {
	t.Helper()
	if media.Example == nil {
		t.Fatal("the request's body has no example")
	}
	if lines, ok := media.Example.(string); ok {
		return []byte(lines)
	}
	return encode(t, media.Example)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// plain is a value as JSON would give it.
func plain(t *testing.T, v any) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(encode(t, v), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// differences compares an example with an answer. Times and ids that are made
// up as the request is answered need only be of the same kind, and a list may
// stand for a longer one that begins with it.
func differences(place string, want, got any) string {
	var out strings.Builder
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return fmt.Sprintf("\n%s: %v instead of %v", place, got, want)
		}
		for name, v := range want {
			out.WriteString(differences(place+"/"+name, v, object[name]))
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) < len(want) || len(want) == 0 && len(list) > 0 {
			return fmt.Sprintf("\n%s: %v instead of %v", place, got, want)
		}
		for i, v := range want {
			out.WriteString(differences(fmt.Sprintf("%s/%d", place, i), v, list[i]))
		}
	default:
		if !reflect.DeepEqual(want, got) && (kind(place, want) == "" || kind(place, want) != kind(place, got)) {
			return fmt.Sprintf("\n%s: %v instead of %v", place, got, want)
		}
	}
	return out.String()
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// kind is what is known beforehand of a value that is not known.
func kind(place string, v any) string {
	text, ok := v.(string)
	if !ok {
		return ""
	}
	if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return "time"
	}
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return "date"
	}
	if uuidForm.MatchString(text) && strings.HasSuffix(place, "/id") {
		return "id"
	}
	for _, name := range []string{"/next_cursor", "/token", "/key", "/prefix", "/duration"} {
		if strings.HasSuffix(place, name) {
			return name
		}
	}
	return ""
}
