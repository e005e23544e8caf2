package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// scenario calls every operation of openapi.yaml, in an order in which each one
// finds what it needs. An operation that is new has its place here.
func (w *walk) scenario(t *testing.T) {
	w.service(t)
	w.people(t)
	w.providers(t)
	w.scans(t)
	w.ingest(t)
	w.findings(t)
	w.muteRules(t)
	w.resources(t)
	w.overview(t)
	w.reports(t)
	w.signups(t)
	w.removals(t)
}

func (w *walk) service(t *testing.T) {
	w.call(t, "getVersion")
	plans := w.call(t, "listPlans").items(t)
	w.call(t, "getPlan", path("plan_name", fmt.Sprint(plans[0]["name"])))
	w.call(t, "getSubscription")
	checks := w.call(t, "listChecks", query("provider", "aws", "limit", "3")).items(t)
	w.call(t, "getCheck", path("check_id", fmt.Sprint(checks[0]["id"])))
}

// people are users, roles, invitations and API keys.
func (w *walk) people(t *testing.T) {
	me := w.call(t, "getMe")
	w.call(t, "listUsers", query("limit", "2"))

	w.call(t, "createRole", jsonBody(t, object{"name": w.mark("spare")}))
	w.keep(t, "role_id", w.call(t, "createRole", jsonBody(t, object{"name": w.mark("responder"), "permissions": []string{"view_findings"}})))
	w.refused(t, "createRole", http.StatusConflict, jsonBody(t, object{"name": w.mark("responder")}))
	w.call(t, "getRole")
	if changed := w.call(t, "updateRole", jsonBody(t, object{"description": w.mark("answers")})); changed.text(t, "description") != w.mark("answers") {
		t.Errorf("role: %s", changed.body)
	}
	w.call(t, "listRoles")

	role := json.Number(w.ids["role_id"])
	made := w.call(t, "createInvitation", jsonBody(t, object{"email": w.mark("robin") + "@example.org", "role_id": role}))
	member := w.call(t, "acceptInvitation", jsonBody(t, object{"token": made.get(t, "token"), "display_name": w.mark("Robin")}))
	w.keep(t, "user_id", member)
	w.refused(t, "acceptInvitation", http.StatusNotFound, jsonBody(t, object{"token": made.get(t, "token"), "display_name": w.mark("Robin")}))
	w.call(t, "getUser")
	w.call(t, "updateUser", jsonBody(t, object{"time_zone": "Europe/Lisbon"}))
	w.call(t, "grantRole")
	if roles := w.call(t, "listUserRoles").items(t); !has(roles, "id", w.ids["role_id"]) {
		t.Errorf("roles of the user: %v", roles)
	}
	made = w.call(t, "createInvitation", jsonBody(t, object{"email": w.mark("kim") + "@example.org", "role_id": role}))
	w.ids["invitation_id"] = fmt.Sprint(inner(t, made, "invitation")["id"])
	w.call(t, "getInvitation")
	w.call(t, "listInvitations", query("state", "pending"))

	key := object{"user_id": me.get(t, "id"), "name": w.mark("export"), "permissions": []string{"export_reports"}}
	w.call(t, "createAPIKey", jsonBody(t, key))
	made = w.call(t, "createAPIKey", jsonBody(t, key))
	w.ids["api_key_id"] = fmt.Sprint(inner(t, made, "api_key")["id"])
	secret := made.text(t, "key")
	if got := w.call(t, "getAPIKey"); bytes.Contains(got.body, []byte(secret)) {
		t.Errorf("the key is given away: %s", got.body)
	}
	w.call(t, "listAPIKeys", query("user_id", me.text(t, "id")))
}

func (w *walk) providers(t *testing.T) {
	spare := object{"kind": "gcp", "uid": w.mark("project")}
	w.ids["spare"] = w.call(t, "createProvider", jsonBody(t, spare)).text(t, "id")
	made := w.call(t, "createProvider", jsonBody(t, object{
		"kind": "aws", "uid": w.mark("account"), "alias": w.mark("production"), "scan_every": "P1D", "scan_at": "03:30:00", "labels": object{"team": w.mark("a")},
	}))
	w.keep(t, "provider_id", made)
	w.refused(t, "createProvider", http.StatusConflict, jsonBody(t, object{"kind": "aws", "uid": w.mark("account")}))
	w.call(t, "getProvider")
	changed := w.call(t, "updateProvider", jsonBody(t, object{"scan_every": nil, "alias": w.mark("eu")}))
	if changed.get(t, "scan_every") != nil || changed.text(t, "alias") != w.mark("eu") || changed.text(t, "scan_at") != "03:30:00" {
		t.Errorf("patched provider: %s", changed.body)
	}
	w.call(t, "listProviders", query("kind", "aws", "limit", "200"))
	w.call(t, "recordProviderConnection", jsonBody(t, object{"connected": false, "error": w.mark("denied")}))
	const password = "correct horse battery staple"
	stored := w.call(t, "putProviderSecret", jsonBody(t, object{"kind": "static", "name": w.mark("scanner"), "credentials": object{"password": password}}))
	if read := w.call(t, "getProviderSecret"); bytes.Contains(append(stored.body, read.body...), []byte(password)) {
		t.Errorf("the secret is given away: %s %s", stored.body, read.body)
	}
	w.call(t, "getProviderPosture")
}

func (w *walk) scans(t *testing.T) {
	scan := func(name string) string {
		return w.call(t, "createScan", jsonBody(t, object{"provider_id": w.ids["provider_id"], "name": w.mark(name)})).text(t, "id")
	}
	cancelled, failed := scan("cancelled"), scan("failed")
	w.ids["scan_id"] = scan("audit")
	w.call(t, "updateScan", jsonBody(t, object{"name": w.mark("before the audit")}))
	w.call(t, "getScan")
	w.call(t, "cancelScan", path("scan_id", cancelled))
	w.refused(t, "cancelScan", http.StatusConflict, path("scan_id", cancelled))
	w.call(t, "startScan", path("scan_id", failed))
	w.refused(t, "startScan", http.StatusConflict)
	w.call(t, "failScan", path("scan_id", failed), jsonBody(t, object{"error": w.mark("no access")}))
	w.call(t, "startScan")
	w.call(t, "reportScanProgress", jsonBody(t, object{"progress": 40}))
	if running := w.call(t, "listRunningScans").items(t); len(running) == 0 {
		t.Error("nothing is running")
	}
	w.call(t, "listScans", query("provider_id", w.ids["provider_id"], "state", "cancelled", "state", "failed"))
}

// finding is one for ingestion.
func (w *walk) finding(name, severity, status string) object {
	return object{
		"uid": w.mark(name), "check_id": "s3_bucket_public_access_blocked", "service": "s3", "region": "eu-west-1",
		"severity": severity, "status": status, "status_detail": w.mark("Bucket") + " is public.", "risk_score": "87.50",
		"categories": []string{"internet-exposed"}, "evidence": object{"acl": w.mark("public")},
		"resources": []object{{"uid": "arn:aws:s3:::" + w.mark(name), "kind": "bucket", "name": w.mark(name), "tags": object{"env": w.mark("prod")}}},
	}
}

func (w *walk) ingest(t *testing.T) {
	findings := []object{w.finding("one", "critical", "fail"), w.finding("two", "low", "pass"), w.finding("three", "high", "fail")}
	var body []byte
	if op := w.op(t, "ingestFindings"); op.contentType() == ndjson {
		body = lines(t, findings...)
	} else {
		body = toJSON(t, object{"findings": findings})
	}
	stored := w.call(t, "ingestFindings", raw(body))
	if got := stored.text(t, "findings"); got != "3" {
		t.Errorf("%s findings were stored: %s", got, stored.body)
	}
	w.call(t, "finishScan")
	w.refused(t, "ingestFindings", http.StatusConflict, raw(body))
	w.call(t, "listScanSummaries")
	w.call(t, "listFailingChecks", query("top", "5"))
	found := w.call(t, "listScanFindings", query("status", "fail")).items(t)
	if len(found) != 2 {
		t.Fatalf("findings of the scan: %v", found)
	}
	w.ids["finding_id"] = fmt.Sprint(found[0]["id"])
}

func (w *walk) findings(t *testing.T) {
	for filter, want := range map[string]int{"severity=critical": 1, "severity=critical&severity=high": 2, "status=pass": 1, "muted=true": 0} {
		pairs := []string{"provider_id", w.ids["provider_id"]}
		for pair := range strings.SplitSeq(filter, "&") {
			name, value, _ := strings.Cut(pair, "=")
			pairs = append(pairs, name, value)
		}
		if found := w.call(t, "listFindings", query(pairs...)).items(t); len(found) != want {
			t.Errorf("findings of %s: %d instead of %d", filter, len(found), want)
		}
	}
	w.call(t, "listFindingValues", query("field", "service", "provider_id", w.ids["provider_id"]))
	w.call(t, "getFinding")
	w.call(t, "muteFinding", jsonBody(t, object{"reason": w.mark("on purpose")}))
	w.call(t, "unmuteFinding")
	resources := w.call(t, "listFindingResources").items(t)
	w.ids["resource_id"] = fmt.Sprint(resources[0]["id"])
	w.call(t, "listFindingHistory")
}

func (w *walk) muteRules(t *testing.T) {
	made := w.call(t, "createMuteRule", jsonBody(t, object{"name": w.mark("public"), "reason": w.mark("the website"), "service": "s3", "region": "eu-*"}))
	w.keep(t, "mute_rule_id", made)
	w.call(t, "getMuteRule")
	w.call(t, "updateMuteRule", jsonBody(t, object{"region": "eu-west-1"}))
	w.call(t, "listMuteRules", query("enabled", "true"))
	w.call(t, "applyMuteRule")
}

func (w *walk) resources(t *testing.T) {
	w.call(t, "listResources", query("provider_id", w.ids["provider_id"]))
	w.call(t, "getResource")
	w.call(t, "listResourceFindings")
}

func (w *walk) overview(t *testing.T) {
	for _, id := range sortedKeys(w.ops) {
		op := w.ops[id]
		if op.method == http.MethodGet && (strings.HasPrefix(op.path, "/v1/overview/") || op.Deprecated) {
			w.call(t, id)
		}
	}
}

func (w *walk) reports(t *testing.T) {
	report := object{"title": w.mark("Audit"), "format": "csv", "keep_for": "P90D"}
	w.keep(t, "report_id", w.call(t, "createReport", jsonBody(t, object{"title": w.mark("Lines"), "format": "ndjson"})))
	if rows := bytes.Count(w.call(t, "downloadReport").body, []byte("\n")); rows != 3 {
		t.Errorf("the report has %d lines instead of 3", rows)
	}
	w.keep(t, "report_id", w.call(t, "createReport", jsonBody(t, report)))
	w.call(t, "getReport")
	if rows := bytes.Count(w.call(t, "downloadReport").body, []byte("\n")); rows != 4 {
		t.Errorf("the report has %d lines instead of a header and 3", rows)
	}
	w.call(t, "listReports", query("scan_id", w.ids["scan_id"]))
}

// signups make a tenant, from the asking to its host. Attack 25: a slug that is
// taken is answered like a free one, byte for byte, until the address is proven.
func (w *walk) signups(t *testing.T) {
	wanted := func(slug, person string) option {
		return jsonBody(t, object{"slug": slug, "name": w.mark("Initech"), "email": w.mark(person) + "@example.org", "plan": "team"})
	}
	taken := w.call(t, "createSignup", wanted(w.slug, "taken"))
	w.refused(t, "confirmSignup", http.StatusConflict, jsonBody(t, object{"token": server.mailed(t, w.mark("taken")+"@example.org")}))
	free := w.call(t, "createSignup", wanted(w.mark("new"), "peter"))
	for _, a := range []*answer{taken, free} {
		a.header.Del("X-Request-ID")
		a.header.Del("Date")
	}
	if !bytes.Equal(taken.body, free.body) || !reflect.DeepEqual(taken.header, free.header) {
		t.Errorf("a taken slug: %v %s; a free one: %v %s", taken.header, taken.body, free.header, free.body)
	}
	token := server.mailed(t, w.mark("peter")+"@example.org")
	made := w.call(t, "confirmSignup", jsonBody(t, object{"token": token}))
	w.keep(t, "signup_id", made)
	w.refused(t, "confirmSignup", http.StatusNotFound, jsonBody(t, object{"token": token}))
	w.refused(t, "getSignup", http.StatusNotFound, header("Signup-Token", strings.Repeat("x", len(token))))
	now := w.call(t, "getSignup", header("Signup-Token", token))
	for deadline := time.Now().Add(time.Minute); now.text(t, "state") == "provisioning" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		now = w.call(t, "getSignup", header("Signup-Token", token))
	}
	if now.text(t, "state") != "ready" || now.text(t, "host") != w.mark("new")+".localhost" {
		t.Errorf("signed up: %s", now.body)
	}
}

// removals undo, each on something that nobody needs any more.
func (w *walk) removals(t *testing.T) {
	w.call(t, "deleteProviderSecret")
	w.call(t, "putProviderSecret", jsonBody(t, object{"kind": "static", "credentials": object{"password": "another"}}))
	w.call(t, "deleteProvider", path("provider_id", w.ids["spare"]))
	w.refused(t, "getProvider", http.StatusNotFound, path("provider_id", w.ids["spare"]))
	w.call(t, "revokeRole")
	w.call(t, "grantRole")
	w.call(t, "revokeAPIKey")
	w.call(t, "revokeInvitation")
	w.call(t, "deactivateUser")
	w.call(t, "updateMuteRule", jsonBody(t, object{"enabled": false})) // Else it would mute what other tests bring in.
	spare := w.call(t, "createRole", jsonBody(t, object{"name": w.mark("short-lived")})).text(t, "id")
	w.call(t, "deleteRole", path("role_id", spare))
	spare = w.call(t, "createMuteRule", jsonBody(t, object{"name": w.mark("short-lived"), "reason": w.mark("soon gone"), "service": "none"})).text(t, "id")
	w.call(t, "deleteMuteRule", path("mute_rule_id", spare))
	spare = w.call(t, "createReport", jsonBody(t, object{"title": w.mark("short-lived"), "format": "ndjson"})).text(t, "id")
	w.call(t, "deleteReport", path("report_id", spare))
}

// inner is an object in an answer's object.
func inner(t *testing.T, a *answer, name string) object {
	t.Helper()
	o, ok := a.get(t, name).(object)
	if !ok {
		t.Fatalf("%s: %s", name, a.body)
	}
	return o
}

// lines are values as NDJSON.
func lines(t *testing.T, values ...object) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, v := range values {
		b.Write(append(toJSON(t, v), '\n'))
	}
	return b.Bytes()
}
