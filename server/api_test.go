package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/bailiwick-dev/bailiwick/gen/api"
)

// ids are what one tenant's walk through the API has left behind.
type ids struct{ provider, scan, finding, resource, report, user, role, invitation, key, rule string }

func TestEveryOperationForTwoTenants(t *testing.T) {
	t.Parallel()
	service, mail := newMailed(t)
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	var left [2]ids
	for i := range left {
		c := &apiClient{service: service, tenant: i, router: router, used: used}
		left[i] = c.walk(t)
		c.signUp(t, mail)
	}
	// Attack 26: another tenant's ids are as absent as ids that never were.
	for i := range left {
		c := &apiClient{service: service, tenant: i, router: router, used: used}
		c.foreign(t, left[1-i])
	}
	for i := range left {
		c := &apiClient{service: service, tenant: i, router: router, used: used}
		c.leave(t, left[i])
		c.call(t, "GET", "/v1/providers/"+left[i].provider, nil, 200)
		c.call(t, "DELETE", "/v1/providers/"+left[i].provider, nil, 204)
		c.call(t, "DELETE", "/v1/providers/"+left[i].provider, nil, 404)
		c.call(t, "GET", "/v1/scans/"+left[i].scan, nil, 404)
	}
	if missing := unused(doc, used); missing != nil {
		t.Errorf("in openapi.yaml, but not called: %v: add calls of them to walk, in server/api_test.go, or leave, in server/api_people_test.go", missing)
	}
}

func unused(doc *openapi3.T, used map[string]bool) []string {
	var missing []string
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if !used[op.OperationID] {
				missing = append(missing, op.OperationID)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// walk goes from a new provider to a report about its findings.
func (c *apiClient) walk(t *testing.T) ids {
	t.Helper()
	c.call(t, "GET", "/v1/version", nil, 200)
	c.call(t, "GET", "/v1/plans", nil, 200)
	c.call(t, "GET", "/v1/plans/team", nil, 200)
	c.call(t, "GET", "/v1/plans/enterprise", nil, 404) // It is not on offer.
	c.subscription(t)
	page := c.call(t, "GET", "/v1/checks?provider=aws&limit=2", nil, 200)
	next := c.call(t, "GET", "/v1/checks?provider=aws&limit=2&cursor="+text(t, page, "next_cursor"), nil, 200)
	if a, b := text(t, items(t, page)[1], "id"), text(t, items(t, next)[0], "id"); len(items(t, page)) != 2 || a >= b {
		t.Errorf("pages: %s then %s", a, b)
	}
	c.call(t, "GET", "/v1/checks?cursor=nonsense", nil, 400)
	var id ids
	id.provider = c.provider(t)
	id.scan, id.finding = c.scan(t, id.provider)
	id.resource = c.findings(t, id)
	id.report = c.reports(t, id.scan)
	for _, path := range []string{
		"findings?provider_id=" + id.provider, "severities", "trend?days=3", "scans", "services", "categories", "frameworks",
		"providers", "provider-kinds", "resources?provider_id=" + id.provider,
	} {
		c.call(t, "GET", "/v1/overview/"+path, nil, 200)
	}
	c.call(t, "GET", "/v1/summary", nil, 200)
	c.people(t, &id)
	id.rule = c.muteRules(t)
	return id
}

// last is the last part of a path.
func last(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// at is where something is that has an id.
func at(t *testing.T, collection string, o object) string {
	t.Helper()
	if n, ok := o["id"].(float64); ok {
		return fmt.Sprintf("%s/%d", collection, int64(n))
	}
	return collection + "/" + text(t, o, "id")
}

func (c *apiClient) provider(t *testing.T) string {
	t.Helper()
	body := object{"kind": "aws", "uid": "123456789012", "alias": "production", "scan_every": "P1D", "labels": object{"team": "a"}}
	id := text(t, c.call(t, "POST", "/v1/providers", body, 201), "id")
	c.call(t, "POST", "/v1/providers", body, 409)
	c.call(t, "POST", "/v1/providers", object{"kind": "aws"}, 422)
	c.call(t, "POST", "/v1/providers", object{"kind": "aws", "uid": "x"}, 422)
	c.call(t, "PATCH", "/v1/providers/"+id, object{}, 422)
	changed := c.call(t, "PATCH", "/v1/providers/"+id, object{"alias": nil}, 200)
	if changed["alias"] != nil || changed["scan_every"] != "P1D" {
		t.Errorf("null and absent are mixed up: %v", changed)
	}
	changed = c.call(t, "PATCH", "/v1/providers/"+id, object{"scan_every": nil, "scan_at": "03:30:00", "alias": "eu"}, 200)
	if changed["alias"] != "eu" || changed["scan_every"] != nil || changed["scan_at"] != "03:30:00" {
		t.Errorf("patch: %v", changed)
	}
	secret := "/v1/providers/" + id + "/secret"
	c.call(t, "GET", secret, nil, 404)
	c.call(t, "PUT", secret, object{"kind": "role", "credentials": object{"role_arn": "arn:aws:iam::1:role/scan"}}, 200)
	c.call(t, "GET", secret, nil, 200)
	c.call(t, "PUT", "/v1/providers/"+id+"/connection", object{"connected": false, "error": "no answer"}, 200)
	if all := items(t, c.call(t, "GET", "/v1/providers?kind=aws", nil, 200)); len(all) != 1 || all[0]["id"] != id {
		t.Errorf("providers: %v", all)
	}
	c.call(t, "GET", "/v1/providers/"+id+"/posture", nil, 200)
	return id
}

func (c *apiClient) scan(t *testing.T, provider string) (scan, finding string) {
	t.Helper()
	created := c.call(t, "POST", "/v1/scans", object{"provider_id": provider}, 201)
	if created["requested_by"] != "alice@example.org" {
		t.Errorf("requested by %v", created["requested_by"])
	}
	scan = text(t, created, "id")
	path := "/v1/scans/" + scan
	c.call(t, "PATCH", path, object{"name": "before the audit"}, 200)
	c.call(t, "POST", path+"/finish", nil, 409)
	c.call(t, "POST", path+"/start", nil, 200)
	c.call(t, "POST", path+"/start", nil, 409)
	if at := c.call(t, "PUT", path+"/progress", object{"progress": 30}, 200); at["progress"] != 30.0 {
		t.Errorf("progress: %v", at)
	}
	if running := items(t, c.call(t, "GET", "/v1/running-scans", nil, 200)); len(running) != 1 {
		t.Errorf("running: %v", running)
	}
	one := object{
		"uid": "f-1", "check_id": "s3_bucket_public_access_blocked", "service": "s3", "region": "eu-west-1", "severity": "critical",
		"status": "fail", "risk_score": "87.50", "evidence": object{"acl": "public"},
		"resources": []object{{"uid": "arn:aws:s3:::invoices", "kind": "bucket", "tags": object{"env": "prod"}}},
	}
	two := object{
		"uid": "f-2", "check_id": "unknown_check", "service": "iam", "region": "global", "severity": "low", "status": "pass",
		"resources": []object{{"uid": "arn:aws:iam::1:user/x", "kind": "user"}},
	}
	c.call(t, "POST", path+"/findings", []object{one, {"uid": "f-3"}}, 422)
	c.call(t, "POST", path+"/findings", []object{one, one}, 409)
	if stored := c.call(t, "POST", path+"/findings", []object{one, two}, 200); stored["findings"] != 2.0 || stored["new"] != 2.0 {
		t.Errorf("stored %v", stored)
	}
	c.call(t, "POST", path+"/finish", nil, 200)
	c.call(t, "POST", path+"/findings", []object{one}, 409)
	cancelled := c.call(t, "POST", "/v1/scans", object{"provider_id": provider, "name": "later", "severities": []string{"high"}}, 201)
	c.call(t, "POST", "/v1/scans/"+text(t, cancelled, "id")+"/cancel", nil, 200)
	failed := "/v1/scans/" + text(t, c.call(t, "POST", "/v1/scans", object{"provider_id": provider, "name": "in vain"}, 201), "id")
	c.call(t, "POST", failed+"/start", nil, 200)
	c.call(t, "POST", failed+"/fail", object{"error": "no answer"}, 200)
	both := items(t, c.call(t, "GET", "/v1/scans?state=completed&state=cancelled&provider_id="+provider, nil, 200))
	if len(both) != 2 {
		t.Errorf("scans: %v", both)
	}
	if done := items(t, c.call(t, "GET", "/v1/scans?state=completed", nil, 200)); len(done) != 1 || done[0]["id"] != scan {
		t.Errorf("completed scans: %v", done)
	}
	c.call(t, "GET", path, nil, 200)
	c.call(t, "GET", path+"/summaries", nil, 200)
	if failing := items(t, c.call(t, "GET", path+"/failing-checks?top=5", nil, 200)); len(failing) != 1 {
		t.Errorf("failing checks: %v", failing)
	}
	found := items(t, c.call(t, "GET", path+"/findings", nil, 200))
	if len(found) != 2 || found[0]["uid"] != "f-1" {
		t.Fatalf("findings of the scan: %v", found)
	}
	return scan, text(t, found[0], "id")
}

// findings searches and mutes, and returns a resource.
func (c *apiClient) findings(t *testing.T, id ids) string {
	t.Helper()
	for query, want := range map[string]int{
		"": 2, "?severity=critical": 1, "?severity=critical&severity=low": 2, "?status=pass": 1, "?service=s3&region=eu-west-1": 1,
		"?check=unknown_check": 1, "?muted=true": 0, "?resource=arn:aws:s3:::invoices": 1, "?sort=risk&limit=1": 1, "?sort=-severity,risk": 2, "?tag=env%3Dprod": 1, "?tag=env%3Dprod&tag=x%3Dy": 0, "?category=none": 0, "?scan_id=" + id.scan: 2, "?search=nothing": 0,
		"?provider_id=" + id.provider: 2, "?seen_until=2001-01-01T00:00:00Z": 0,
	} {
		if found := items(t, c.call(t, "GET", "/v1/findings"+query, nil, 200)); len(found) != want {
			t.Errorf("findings%s: %d instead of %d", query, len(found), want)
		}
	}
	for _, query := range []string{"?severity=grave", "?limit=0", "?limit=201", "?limit=ten", "?muted=perhaps", "?seen_from=yesterday", "?provider_id=1", "?cursor=x", "?sort=-severity,size", "?tag=env"} {
		c.call(t, "GET", "/v1/findings"+query, nil, 400)
	}
	path := "/v1/findings/" + id.finding
	if one := c.call(t, "GET", path, nil, 200); one["check_title"] == nil || one["risk_score"] != "87.50" {
		t.Errorf("finding: %v", one)
	}
	if muted := c.call(t, "PUT", path+"/mute", object{"reason": "on purpose"}, 200); muted["muted_by"] != "alice@example.org" {
		t.Errorf("muted: %v", muted)
	}
	c.call(t, "DELETE", path+"/mute", nil, 204)
	resources := items(t, c.call(t, "GET", path+"/resources", nil, 200))
	if len(resources) != 1 {
		t.Fatalf("resources of the finding: %v", resources)
	}
	if all := items(t, c.call(t, "GET", "/v1/resources?provider_id="+id.provider, nil, 200)); len(all) != 2 {
		t.Errorf("resources: %v", all)
	}
	if seen := items(t, c.call(t, "GET", path+"/history", nil, 200)); len(seen) != 1 {
		t.Errorf("history: %v", seen)
	}
	values := items(t, c.call(t, "GET", "/v1/finding-values?field=service&status=fail", nil, 200))
	if len(values) != 1 || values[0]["value"] != "s3" || values[0]["findings"] != 1.0 {
		t.Errorf("values: %v", values)
	}
	resource := text(t, resources[0], "id")
	if about := items(t, c.call(t, "GET", "/v1/resources/"+resource+"/findings?status=fail", nil, 200)); len(about) != 1 {
		t.Errorf("findings of the resource: %v", about)
	}
	c.call(t, "GET", "/v1/resources/"+resource, nil, 200)
	if check := c.call(t, "GET", "/v1/checks/s3_bucket_public_access_blocked", nil, 200); check["failing"] != 1.0 {
		t.Errorf("check: %v", check)
	}
	c.call(t, "GET", "/v1/checks/no%20such%20check", nil, 404)
	return resource
}

func (c *apiClient) reports(t *testing.T, scan string) string {
	t.Helper()
	body := object{"title": "Audit", "format": "csv", "keep_for": "P90D", "period_start": "2026-01-01", "period_end": "2026-03-31"}
	created := c.call(t, "POST", "/v1/scans/"+scan+"/reports", body, 201)
	id, ok := created["id"].(float64)
	if !ok || created["period_end"] != "2026-03-31" {
		t.Fatalf("report: %v", created)
	}
	if all := items(t, c.call(t, "GET", "/v1/reports?scan_id="+scan, nil, 200)); len(all) != 1 {
		t.Errorf("reports: %v", all)
	}
	path := fmt.Sprintf("/v1/reports/%d", int64(id))
	c.call(t, "GET", path, nil, 200)
	// The period is long over: there is a header and nothing else.
	if csv := text(t, c.call(t, "GET", path+"/content", nil, 200), "text"); strings.Count(csv, "\n") != 1 {
		t.Errorf("content: %s", csv)
	}
	c.call(t, "GET", "/v1/reports/0", nil, 400)
	return path
}

// foreign asks for what another tenant has.
func (c *apiClient) foreign(t *testing.T, other ids) {
	t.Helper()
	const never = "00000000-0000-4000-8000-000000000000"
	for _, request := range []struct{ method, path, id string }{
		{"GET", "%s", other.user},
		{"PATCH", "/v1/users/%s", last(other.user)},
		{"DELETE", "%s", other.user},
		{"GET", "%s", other.invitation},
		{"DELETE", "%s", other.invitation},
		{"GET", "%s", other.rule},
		{"PATCH", "/v1/mute-rules/%s", last(other.rule)},
		{"DELETE", "%s", other.rule},
		{"POST", "%s/apply", other.rule},
		{"GET", "/v1/providers/%s", other.provider},
		{"PUT", "/v1/providers/%s/connection", other.provider},
		{"GET", "/v1/providers/%s/secret", other.provider},
		{"DELETE", "/v1/providers/%s/secret", other.provider},
		{"PUT", "/v1/scans/%s/progress", other.scan},
		{"POST", "/v1/scans/%s/fail", other.scan},
		{"GET", "/v1/findings/%s/history", other.finding},
		{"GET", "/v1/resources/%s/findings", other.resource},
		{"PATCH", "/v1/providers/%s", other.provider},
		{"DELETE", "/v1/providers/%s", other.provider},
		{"PUT", "/v1/providers/%s/secret", other.provider},
		{"GET", "/v1/providers/%s/posture", other.provider},
		{"GET", "/v1/scans/%s", other.scan},
		{"PATCH", "/v1/scans/%s", other.scan},
		{"POST", "/v1/scans/%s/start", other.scan},
		{"POST", "/v1/scans/%s/finish", other.scan},
		{"POST", "/v1/scans/%s/cancel", other.scan},
		{"POST", "/v1/scans/%s/findings", other.scan},
		{"POST", "/v1/scans/%s/reports", other.scan},
		{"GET", "/v1/scans/%s/findings", other.scan},
		{"GET", "/v1/scans/%s/summaries", other.scan},
		{"GET", "/v1/findings/%s", other.finding},
		{"PUT", "/v1/findings/%s/mute", other.finding},
		{"DELETE", "/v1/findings/%s/mute", other.finding},
		{"GET", "/v1/findings/%s/resources", other.finding},
		{"GET", "/v1/resources/%s", other.resource},
		{"GET", "/v1/findings?provider_id=%s", other.provider},
		{"GET", "/v1/resources?provider_id=%s", other.provider},
		{"GET", "/v1/scans?provider_id=%s", other.provider},
		{"GET", "/v1/reports?scan_id=%s", other.scan},
	} {
		body := foreignBodies[request.method+" "+request.path]
		status, answer := c.raw(t, request.method, fmt.Sprintf(request.path, request.id), body)
		nobodys := request.id[:strings.LastIndex(request.id, "/")+1] + never
		absent, absentAnswer := c.raw(t, request.method, fmt.Sprintf(request.path, nobodys), body)
		if status != absent || answer != absentAnswer {
			t.Errorf("%s %s: %d %s for another tenant's, %d %s for nobody's", request.method, request.path, status, answer, absent, absentAnswer)
		}
		refused := status == http.StatusNotFound || status == http.StatusConflict // A foreign key to nothing is a conflict.
		if !refused && !strings.Contains(answer, `"items":[]`) {
			t.Errorf("%s %s: %d %s", request.method, request.path, status, answer)
		}
	}
}

var foreignBodies = map[string]string{
	"PATCH /v1/providers/%s":          `{"alias":"mine"}`,
	"PUT /v1/providers/%s/secret":     `{"kind":"role","credentials":{"a":"b"}}`,
	"PUT /v1/providers/%s/connection": `{"connected":true}`,
	"PUT /v1/scans/%s/progress":       `{"progress":10}`,
	"POST /v1/scans/%s/fail":          `{"error":"mine"}`,
	"PATCH /v1/scans/%s":              `{"name":"mine"}`,
	"PATCH /v1/users/%s":              `{"display_name":"mine"}`,
	"PATCH /v1/mute-rules/%s":         `{"name":"mine"}`,
	"PUT /v1/findings/%s/mute":        `{"reason":"mine now"}`,
	"POST /v1/scans/%s/reports":       `{"title":"mine","format":"csv"}`,
	"POST /v1/scans/%s/findings":      `{"findings":[{"uid":"f","check_id":"c","service":"s","region":"r","severity":"low","status":"pass","resources":[{"uid":"u","kind":"k"}]}]}`,
}
