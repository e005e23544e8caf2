package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// subscription is absent until somebody bills the tenant.
func (c *apiClient) subscription(t *testing.T) {
	t.Helper()
	c.call(t, "GET", "/v1/subscription", nil, 404)
	of := c.service.Tenants[c.tenant]
	execOwner(t, c.service.DB, `
		INSERT INTO public.subscriptions (tenant_id, plan, state, seats, current_period_start, current_period_end)
		SELECT id, plan, 'active', $2, now(), now() + interval '1 month' FROM public.tenants WHERE id = $1`, of.ID.String(), 10+c.tenant)
	if s := c.call(t, "GET", "/v1/subscription", nil, 200); s["seats"] != float64(10+c.tenant) {
		t.Errorf("subscription: %v", s)
	}
}

// people goes from a role to a user who holds it, and back.
func (c *apiClient) people(t *testing.T, id *ids) {
	t.Helper()
	id.role = at(t, "/v1/roles", c.call(t, "POST", "/v1/roles", object{"name": "responder", "permissions": []string{"view_findings"}}, 201))
	c.call(t, "POST", "/v1/roles", object{"name": "responder"}, 409)
	c.call(t, "PATCH", id.role, object{"description": "Answers."}, 200)
	if role := c.call(t, "GET", id.role, nil, 200); role["description"] != "Answers." || role["members"] != 0.0 {
		t.Errorf("role: %v", role)
	}
	roleID := last(id.role)
	body := object{"email": "carol@example.org", "role_id": json.Number(roleID), "valid_for": "P3D"}
	invited := c.call(t, "POST", "/v1/invitations", body, 201)
	c.call(t, "POST", "/v1/invitations", body, 409)
	c.call(t, "DELETE", id.role, nil, 409) // Somebody is invited to it.
	c.call(t, "POST", "/v1/accepted-invitations", object{"token": strings.Repeat("x", 43), "display_name": "Eve"}, 404)
	member := c.call(t, "POST", "/v1/accepted-invitations", object{"token": invited["token"], "display_name": "Carol"}, 200)
	c.call(t, "POST", "/v1/accepted-invitations", object{"token": invited["token"], "display_name": "Carol"}, 404)
	id.user = at(t, "/v1/users", member)
	accepted := items(t, c.call(t, "GET", "/v1/invitations?state=accepted", nil, 200))
	if len(accepted) != 1 || accepted[0]["role"] != "responder" {
		t.Fatalf("accepted invitations: %v", accepted)
	}
	c.call(t, "DELETE", at(t, "/v1/invitations", accepted[0]), nil, 404) // It is too late.
	body["email"] = "bob@example.org"
	second, ok := c.call(t, "POST", "/v1/invitations", body, 201)["invitation"].(object)
	if !ok {
		t.Fatal("no invitation in the answer")
	}
	id.invitation = at(t, "/v1/invitations", second)
	if me := c.call(t, "GET", "/v1/me", nil, 200); me["email"] != servicetest.Subject || !reflect.DeepEqual(me["roles"], []any{"owner"}) {
		t.Errorf("me: %v", me)
	}
	if users := items(t, c.call(t, "GET", "/v1/users?active=true", nil, 200)); len(users) != 2 {
		t.Errorf("users: %v", users)
	}
	c.call(t, "GET", id.user, nil, 200)
	c.call(t, "PATCH", id.user, object{"display_name": " "}, 422)
	c.call(t, "PATCH", id.user, object{"display_name": "Carol B."}, 200)
	c.call(t, "PUT", id.user+"/roles/"+roleID, nil, 204)
	c.call(t, "PUT", id.user+"/roles/4711", nil, 404)
	if roles := items(t, c.call(t, "GET", id.user+"/roles", nil, 200)); len(roles) != 1 {
		t.Errorf("roles of the user: %v", roles)
	}
	c.call(t, "GET", "/v1/roles", nil, 200)
	id.key = c.apiKeys(t, member["id"])
	c.call(t, "GET", id.invitation, nil, 200)
}

func (c *apiClient) apiKeys(t *testing.T, user any) string {
	t.Helper()
	body := object{"user_id": user, "name": "nightly", "permissions": []string{"view_findings"}, "expires_at": "2100-01-01T00:00:00Z"}
	created := c.call(t, "POST", "/v1/api-keys", body, 201)
	key, ok := created["api_key"].(object)
	if !ok || !strings.HasPrefix(text(t, created, "key"), text(t, key, "prefix")+".") {
		t.Fatalf("created key: %v", created)
	}
	body["permissions"] = []string{"view_findings", "manage_users"}
	c.call(t, "POST", "/v1/api-keys", body, 422) // More than the user may do.
	id := at(t, "/v1/api-keys", key)
	c.call(t, "GET", id, nil, 200)
	if keys := items(t, c.call(t, "GET", fmt.Sprintf("/v1/api-keys?user_id=%v", user), nil, 200)); len(keys) != 1 {
		t.Errorf("keys: %v", keys)
	}
	return id
}

// leave undoes what people and muteRules have made.
func (c *apiClient) leave(t *testing.T, id ids) {
	t.Helper()
	c.call(t, "DELETE", id.key, nil, 204)
	c.call(t, "DELETE", id.key, nil, 404)
	c.call(t, "DELETE", id.invitation, nil, 204)
	c.call(t, "DELETE", id.user+"/roles/"+last(id.role), nil, 204)
	c.call(t, "DELETE", id.role, nil, 204)
	c.call(t, "DELETE", id.user, nil, 204)
	c.call(t, "DELETE", id.user, nil, 404)
	c.call(t, "DELETE", id.rule, nil, 204)
	c.call(t, "DELETE", id.report, nil, 204)
	c.call(t, "DELETE", "/v1/providers/"+id.provider+"/secret", nil, 204)
}

func (c *apiClient) muteRules(t *testing.T) string {
	t.Helper()
	c.call(t, "POST", "/v1/mute-rules", object{"name": "everything", "reason": "no reason"}, 422)
	id := at(t, "/v1/mute-rules", c.call(t, "POST", "/v1/mute-rules", object{"name": "public buckets", "reason": "they serve the website", "service": "s3"}, 201))
	if applied := c.call(t, "POST", id+"/apply", nil, 200); applied["muted"] != 1.0 {
		t.Errorf("applied: %v", applied)
	}
	c.call(t, "PATCH", id, object{"enabled": false}, 200)
	c.call(t, "POST", id+"/apply", nil, 409)
	c.call(t, "GET", id, nil, 200)
	if rules := items(t, c.call(t, "GET", "/v1/mute-rules?enabled=false", nil, 200)); len(rules) != 1 {
		t.Errorf("rules: %v", rules)
	}
	return id
}
