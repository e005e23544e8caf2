package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// invited gives the token of an invitation as auditor.
func invited(t *testing.T, s *servicetest.Service, owner, email string) string {
	t.Helper()
	made := asks(t, s, "acme", owner, "POST", "/v1/invitations", `{"email":"`+email+`","role_id":3}`)
	want(t, "invite "+email, made, http.StatusCreated)
	return propertyOf(t, made.Body, "token")
}

// accepts shows the token of an invitation, as Mia.
func accepts(t *testing.T, s *servicetest.Service, token string) reply {
	t.Helper()
	return asks(t, s, "acme", "", "POST", "/v1/accepted-invitations", `{"token":"`+token+`","display_name":"Mia"}`)
}

// Who was removed comes back with what they are invited to, and with nothing of
// before: no role, no key, and by no invitation from then.
func TestTheRemovedComeBackWithNothingOfBefore(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ method, body string }{
		"removed":     {"DELETE", ""},
		"deactivated": {"PATCH", `{"active":false}`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := servicetest.New(t, config())
			owner, id := s.Token(t, 0), mia(t, s, "owner")
			made := asks(t, s, "acme", owner, "POST", "/v1/api-keys", `{"user_id":"`+id+`","name":"ci","permissions":["view_findings"]}`)
			want(t, "make a key", made, http.StatusCreated)
			key := propertyOf(t, made.Body, "key")
			before := invited(t, s, owner, "MIA@acme.example") // A way back that she has laid up.

			gone := removes(t, s, owner, id, c.method, c.body)
			if c.method == "PATCH" && (propertyOf(t, gone.Body, "roles") != "[]" || propertyOf(t, gone.Body, "permissions") != "[]") {
				t.Errorf("the answer has what she was: %s", gone.Body)
			}
			want(t, "the invitation from before", accepts(t, s, before), http.StatusNotFound)
			want(t, "accept", accepts(t, s, invited(t, s, owner, "mia@acme.example")), http.StatusOK)
			isAuditor(t, s, id)
			want(t, "her old key", asks(t, s, "acme", key, "GET", "/v1/me", ""), http.StatusUnauthorized)
		})
	}
}

// removes takes a user's place from them.
func removes(t *testing.T, s *servicetest.Service, owner, id, method, body string) reply {
	t.Helper()
	status := http.StatusNoContent
	if method == "PATCH" {
		status = http.StatusOK
	}
	got := asks(t, s, "acme", owner, method, "/v1/users/"+id, body)
	want(t, method+" the user", got, status)
	return got
}

// isAuditor wants Mia to be one, and nothing else.
func isAuditor(t *testing.T, s *servicetest.Service, id string) {
	t.Helper()
	token := s.Issuer.Token(t, s.Tenants[0], "mia@acme.example")
	me := asks(t, s, "acme", token, "GET", "/v1/me", "")
	if propertyOf(t, me.Body, "roles") != `["auditor"]` || propertyOf(t, me.Body, "id") != id {
		t.Errorf("she is %s", me.Body)
	}
	want(t, "what only owners may", asks(t, s, "acme", token, "GET", "/v1/users", ""), http.StatusForbidden)
}

// Users who were deactivated before that took their roles, or by other hands, are
// no different.
func TestInvitedAnewAfterAnUpdateByHand(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	owner, id := s.Token(t, 0), mia(t, s, "owner")
	made := asks(t, s, "acme", owner, "POST", "/v1/api-keys", `{"user_id":"`+id+`","name":"ci","permissions":[]}`)
	want(t, "make a key", made, http.StatusCreated)
	execOwner(t, s.DB, "UPDATE "+s.Tenants[0].Schema()+".users SET active = false WHERE email = 'mia@acme.example'")
	want(t, "accept", accepts(t, s, invited(t, s, owner, "mia@acme.example")), http.StatusOK)
	isAuditor(t, s, id)
	want(t, "the old key", asks(t, s, "acme", propertyOf(t, made.Body, "key"), "GET", "/v1/me", ""), http.StatusUnauthorized)
	// One who was there all the time keeps what they have.
	execOwner(t, s.DB, "INSERT INTO "+s.Tenants[0].Schema()+".user_roles (user_id, role_id) SELECT id, 2 FROM "+s.Tenants[0].Schema()+".users WHERE email = 'mia@acme.example'")
	want(t, "accept as a member", accepts(t, s, invited(t, s, owner, "mia@acme.example")), http.StatusOK)
	me := asks(t, s, "acme", s.Issuer.Token(t, s.Tenants[0], "mia@acme.example"), "GET", "/v1/me", "")
	if propertyOf(t, me.Body, "roles") != `["analyst","auditor"]` {
		t.Errorf("she is %s", me.Body)
	}
}

// Attack 32: an invitation from before a tenant was offboarded is as dead as the
// tokens from then, also once the tenant is back, and keeps no new one away.
func TestAttack32InvitationsFromBeforeAreDead(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "CLOCK_SKEW=0s")
	before := invited(t, s, s.Token(t, 0), "mia@acme.example")
	if _, err := s.Catalog.Offboard(t.Context(), catalog.Ref{Slug: "acme"}, catalog.OffboardParams{Grace: time.Hour, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Catalog.Restore(t.Context(), catalog.Ref{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	claims := servicetest.Claims(s.Tenants[0].ID.String())
	claims["iat"] = time.Now().Add(time.Second).Unix() // Good from then on.
	owner := s.Issuer.Sign(t, jose.ES256, claims)
	eventually(t, "restored", func() bool { return asks(t, s, "acme", owner, "GET", "/v1/me", "").Status == http.StatusOK })
	unknown := accepts(t, s, strings.Repeat("x", 43))
	if got := accepts(t, s, before); got != unknown || got.Status != http.StatusNotFound {
		t.Errorf("got %+v, and for one that is unknown %+v", got, unknown)
	}
	want(t, "one from now", accepts(t, s, invited(t, s, owner, "mia@acme.example")), http.StatusOK)
}

// Attack 32: an invitation gives no more than who sent it could give when it is
// accepted, or whoever is removed would come back by one that they sent before. It
// counts again when they may again.
func TestAttack32InvitationsEndWithTheirSender(t *testing.T) {
	t.Parallel()
	h := newHelped(t)
	role, membership := "/v1/roles/"+h.people, "/v1/users/"+h.id+"/roles/"+h.people
	for _, lost := range []struct{ what, method, path, body, undo, undoBody string }{
		{"the role", "DELETE", membership, "", "PUT", ""},
		{"a permission of the role offered", "PATCH", role, `{"permissions":["manage_users"]}`, "PATCH", `{"permissions":["manage_users","view_findings","export_reports"]}`},
		{"manage_users", "PATCH", role, `{"permissions":["view_findings","export_reports"]}`, "PATCH", `{"permissions":["manage_users","view_findings","export_reports"]}`},
		{"nothing but their place", "DELETE", "/v1/users/" + h.id, "", "", ""},
	} {
		email := strings.ReplaceAll(lost.what, " ", ".") + "@acme.example"
		token := invited(t, h.Service, h.token, email)
		if got := asks(t, h.Service, "acme", h.owner, lost.method, lost.path, lost.body); got.Status >= http.StatusMultipleChoices {
			t.Fatalf("%s: %+v", lost.what, got)
		}
		if got, unknown := accepts(t, h.Service, token), accepts(t, h.Service, strings.Repeat("x", 43)); got != unknown || got.Status != http.StatusNotFound {
			t.Errorf("who sent it has lost %s: got %+v, and for one that is unknown %+v", lost.what, got, unknown)
		}
		if lost.undo == "" {
			continue
		}
		if got := asks(t, h.Service, "acme", h.owner, lost.undo, lost.path, lost.undoBody); got.Status >= http.StatusMultipleChoices {
			t.Fatalf("%s: %+v", lost.what, got)
		}
		want(t, "accept once they have "+lost.what+" again", accepts(t, h.Service, token), http.StatusOK)
	}
}
