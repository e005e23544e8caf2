package operator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

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
	_, whole := a.want(t, 200, "GET", "/v1/audit?limit=100&tenant="+id, "")
	items, _ = whole["items"].([]any)
	full := fmt.Sprintf("/v1/audit?limit=%d&tenant=%s", len(items), id)
	if _, page = a.want(t, 200, "GET", full, ""); len(page["items"].([]any)) != len(items) || page["next_before"] != nil {
		t.Errorf("the last page is full: %v", page)
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
		"/v1/tenants?limit=3&after=acme":          {"c-one", "c-two", "globex"}, // full, and the last
		"/v1/tenants?limit=4":                     {"acme", "c-one", "c-two", "globex"},
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
		if more := target == "/v1/tenants?limit=3"; (page["next_after"] != nil) != more {
			t.Errorf("%s: next_after %v", target, page["next_after"])
		}
	}
	a.want(t, 400, "GET", "/v1/tenants?state=gone", "")
	a.want(t, 400, "GET", "/v1/tenants?limit=0", "")
}

// What a hook refuses is a conflict that says which one and why.
func TestRefusedByHook(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"an error": errors.New("kept by order"), "an answer": rest.Errorf(http.StatusTeapot, "kept by order")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, catalog.Hook{Name: "keeper", Before: func(context.Context, catalog.Event) error { return answer }})
			for target, body := range map[string]string{"/v1/tenants": `{"slug":"initech","plan":"team"}`, "/v1/tenants/acme/suspend": `{"reason":"unpaid"}`} {
				_, problem := a.want(t, 409, "POST", target, body)
				if detail, _ := problem["detail"].(string); !strings.Contains(detail, "refused by hook keeper: ") || !strings.Contains(detail, "kept by order") {
					t.Errorf("%s: %v", target, problem)
				}
			}
			if _, r := a.want(t, 200, "GET", "/v1/tenants/acme", ""); r["state"] != catalog.StateActive {
				t.Errorf("%v", r)
			}
			a.want(t, 404, "GET", "/v1/tenants/initech", "")
		})
	}
}
