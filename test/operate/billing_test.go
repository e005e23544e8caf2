package operate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

const webhookSecret = "whsec_0123456789abcdef"

// subscription is what the provider tells of, in the shape of its events.
type subscription struct {
	event, tenant, status, plan string
	created                     time.Time
}

func (s subscription) body() string {
	ended := "null"
	if s.status == "canceled" {
		ended = fmt.Sprint(s.created.Unix())
	}
	return fmt.Sprintf(`{"id":%q,"object":"event","api_version":"2025-09-30.clover","created":%d,"type":"customer.subscription.updated","data":{"object":{
		"id":"sub_1","object":"subscription","status":%q,"customer":"cus_1","canceled_at":%s,"ended_at":%s,"trial_end":null,"metadata":{"tenant":%q},
		"items":{"object":"list","data":[{"id":"si_1","quantity":1,"current_period_start":%d,"current_period_end":%d,"price":{"id":"price_1","lookup_key":%q}}]}}}}`,
		s.event, s.created.Unix(), s.status, ended, ended, s.tenant, s.created.Add(-24*time.Hour).Unix(), s.created.Unix(), s.plan)
}

// post sends a body as the provider would, signed by a secret at some time.
func post(t *testing.T, p *process, body, secret string, at time.Time) reply {
	t.Helper()
	return send(t, p.addr, "POST", base+"/webhooks/billing", body, billing.SignatureHeader, billing.Sign(secret, at, []byte(body)))
}

// told posts an event that has to be taken.
func told(t *testing.T, p *process, s subscription) {
	t.Helper()
	if r := post(t, p, s.body(), webhookSecret, time.Now()); r.status != http.StatusNoContent {
		t.Fatalf("%s: %d %s", s.event, r.status, r.body)
	}
}

// The life of a subscription, from the webhook to the worker and to the answer at
// the tenant's host.
func TestBilling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, "BILLING_SECRETS="+webhookSecret, "BILLING_GRACE=24h")
	defer p.stop(t)
	const peter = "peter@initech.example"
	r := send(t, p.operator, "POST", "http://operator/v1/tenants", `{"slug":"initech","plan":"free","owner_email":"`+peter+`"}`, "Authorization", "Bearer "+w.key)
	if r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	record, err := w.Catalog.Get(t.Context(), "initech")
	if err != nil {
		t.Fatal(err)
	}
	becomes := func(what string, status int, plan string) {
		t.Helper()
		eventually(t, what, func() bool {
			r, err := w.Catalog.Find(t.Context(), catalog.Ref{ID: record.ID})
			return err == nil && r.Plan == plan && w.served(t, p, "initech.app.example", peter).status == status
		})
	}
	now, of := time.Now(), record.ID.String()
	told(t, p, subscription{"evt_1", of, "active", "team", now.Add(-72 * time.Hour)})
	becomes("who subscribes gets the plan", http.StatusOK, "team")
	unpaid := subscription{"evt_2", of, "past_due", "team", now.Add(-48 * time.Hour)}
	told(t, p, unpaid)
	becomes("who does not pay is refused when the grace is over", http.StatusForbidden, "team")
	told(t, p, subscription{"evt_3", of, "active", "business", now.Add(-24 * time.Hour)})
	becomes("who pays is served again", http.StatusOK, "business")

	told(t, p, unpaid) // Again, and thus signed anew; then the same things under another id, late.
	told(t, p, subscription{"evt_2b", of, "past_due", "team", now.Add(-47 * time.Hour)})
	refused := subscription{"evt_4", of, "canceled", "business", now}.body()
	var answers []string
	for _, r := range []reply{
		post(t, p, refused, webhookSecret, now.Add(-time.Hour)), post(t, p, refused, "whsec_of_somebody_else", now),
		post(t, p, refused, "whsec_of_somebody_else", now.Add(-time.Hour)), send(t, p.addr, "POST", base+"/webhooks/billing", refused),
	} {
		answers = append(answers, fmt.Sprint(r.status))
	}
	if got := strings.Join(answers, " "); got != "400 400 400 400" {
		t.Errorf("what is not signed, or long ago: %s", got)
	}
	told(t, p, subscription{"evt_5", of, "active", "team", now})
	becomes("events after them are applied", http.StatusOK, "team")
	var inbox string
	if err := w.connect(t).QueryRow(t.Context(), "SELECT string_agg(id || ' ' || attempts, ', ' ORDER BY id) FROM bailiwick.inbox").Scan(&inbox); err != nil || inbox != "evt_1 1, evt_2 1, evt_2b 1, evt_3 1, evt_5 1" {
		t.Errorf("the inbox has %s, %v", inbox, err)
	}
	told(t, p, subscription{"evt_6", of, "canceled", "team", now.Add(-time.Second)}) // Before evt_5, and comes after it.
	told(t, p, subscription{"evt_7", of, "canceled", "team", now})
	becomes("who has ended the subscription is refused when it has ended", http.StatusForbidden, "team")
	audit := send(t, p.operator, "GET", "http://operator/v1/audit?tenant=initech&actor=billing", "", "Authorization", "Bearer "+w.key)
	var steps []string
	for _, action := range []string{"set-plan", "suspend", "resume"} {
		steps = append(steps, fmt.Sprint(strings.Count(audit.body, `"action":"`+action+`"`)))
	}
	if got := strings.Join(steps, " "); got != "3 2 1" {
		t.Errorf("set-plan, suspend and resume: %s in %s", got, audit.body)
	}
	if strings.Contains(p.log.String(), webhookSecret) {
		t.Error("the log holds the secret")
	}
}

// Of many requests for the last place that the plan has, one gets it. The answer of
// that one can be had again, and who has too much after a change of plan may keep it.
func TestPlanLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t)
	defer p.stop(t)
	const peter = "peter@initech.example"
	r := send(t, p.operator, "POST", "http://operator/v1/tenants", `{"slug":"initech","plan":"free","owner_email":"`+peter+`"}`, "Authorization", "Bearer "+w.key)
	if r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	record, err := w.Catalog.Get(t.Context(), "initech")
	if err != nil {
		t.Fatal(err)
	}
	token := "Bearer " + w.issuer.Token(t, record.Tenant(), peter)
	ask := func(method, path, body string, headers ...string) reply {
		if method == http.MethodPatch {
			headers = append(headers, "Content-Type", "application/merge-patch+json")
		}
		return send(t, p.addr, method, "http://initech.app.example/v1"+path, body, append(headers, "Authorization", token)...)
	}
	// all sends them at the same time and counts the answers.
	all := func(path string, body func(i int) string) (statuses map[int]int, created string) {
		const several = 8
		statuses = map[int]int{}
		replies := make(chan reply, several)
		for i := range several {
			go func() { replies <- ask(http.MethodPost, path, body(i), "Idempotency-Key", fmt.Sprint("key-", i)) }()
		}
		for range several {
			r := <-replies
			statuses[r.status]++
			if r.status == http.StatusCreated {
				created = r.body
			} else if !strings.Contains(r.body, `"type":"https://bailiwick.dev/problems/limit-reached"`) || !strings.Contains(r.body, `the plan \"free\" allows`) {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
		return statuses, created
	}
	provider := func(i int) string { return fmt.Sprintf(`{"kind":"aws","uid":"10000000000%d"}`, i) }
	statuses, created := all("/providers", provider)
	if diff := cmp.Diff(map[int]int{201: 1, 403: 7}, statuses); diff != "" {
		t.Error("providers:", diff)
	}
	replays := 0
	for i := range 8 {
		if r := ask(http.MethodPost, "/providers", provider(i), "Idempotency-Key", fmt.Sprint("key-", i)); r.status == http.StatusCreated && r.body == created {
			replays++
		}
	}
	if replays != 1 {
		t.Errorf("%d answers were given again", replays)
	}
	// Three seats: Peter's and two more.
	statuses, invited := all("/invitations", func(i int) string { return fmt.Sprintf(`{"email":"p%d@initech.example","role_id":2}`, i) })
	if diff := cmp.Diff(map[int]int{201: 2, 403: 6}, statuses); diff != "" {
		t.Error("invitations:", diff)
	}
	var invitation struct{ Token string }
	if err := json.Unmarshal([]byte(invited), &invitation); err != nil {
		t.Fatal(err)
	}
	r = send(t, p.addr, "POST", "http://initech.app.example/v1/accepted-invitations", fmt.Sprintf(`{"token":%q,"display_name":"P"}`, invitation.Token))
	var user struct{ ID string }
	if err := json.Unmarshal([]byte(r.body), &user); err != nil || r.status != http.StatusOK {
		t.Fatalf("accept: %d %s", r.status, r.body)
	}
	// A seat that is given up is the next one's, and can't be taken back.
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{"PATCH", "/users/" + user.ID, `{"active":false}`, http.StatusOK},
		{"POST", "/invitations", `{"email":"next@initech.example","role_id":2}`, http.StatusCreated},
		{"PATCH", "/users/" + user.ID, `{"active":true}`, http.StatusForbidden},
		{"PATCH", "/users/" + user.ID, `{"display_name":"Q"}`, http.StatusOK},
	} {
		if r := ask(step.method, step.path, step.body); r.status != step.want {
			t.Errorf("%s %s %s: %d %s", step.method, step.path, step.body, r.status, r.body)
		}
	}
}
