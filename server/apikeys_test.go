package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

func TestAPIKeysOpenTheAPI(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	owner := s.Token(t, 0)
	id := mia(t, s, "analyst")
	made := asks(t, s, "acme", owner, "POST", "/v1/api-keys", `{"user_id":"`+id+`","name":"ci","permissions":["view_findings","manage_scans"]}`)
	want(t, "make a key", made, 201)
	key := propertyOf(t, made.Body, "key")
	path := "/v1/api-keys/" + propertyOf(t, made.Body, "api_key", "id")

	want(t, "what the key may", asks(t, s, "acme", key, "GET", "/v1/findings", ""), 200)
	want(t, "what the user may and the key not", asks(t, s, "acme", key, "GET", "/v1/reports", ""), 403)
	if me := asks(t, s, "acme", key, "GET", "/v1/me", ""); propertyOf(t, me.Body, "email") != "mia@acme.example" {
		t.Errorf("the key's user: %+v", me)
	}
	if used := propertyOf(t, asks(t, s, "acme", owner, "GET", path, "").Body, "last_used_at"); used == "null" {
		t.Error("that the key was used is not noted")
	}
	// Whatever opens nothing is refused alike: at its own host, another's and nobody's.
	last := key[len(key)-2:]
	wrong := key[:len(key)-2] + map[bool]string{true: "AA", false: "gA"}[last != "AA"]
	unknown := asks(t, s, "acme", wrong, "GET", "/v1/findings", "")
	want(t, "a wrong secret", unknown, 401)
	for _, host := range []string{"globex", "nobody"} {
		for what, credential := range map[string]string{"the key": key, "a wrong secret": wrong, "a key of nobody": "bw_" + strings.Repeat("a", 26) + "." + strings.Repeat("A", 43), "no key": "bw_x"} {
			if diff := cmp.Diff(unknown, asks(t, s, host, credential, "GET", "/v1/findings", "")); diff != "" {
				t.Errorf("%s at %s:\n%s", what, host, diff)
			}
		}
	}
	// A role that goes takes what it permitted from the key.
	want(t, "take the role", asks(t, s, "acme", owner, "DELETE", "/v1/users/"+id+"/roles/2", ""), 204)
	want(t, "what the user may no longer", asks(t, s, "acme", key, "GET", "/v1/findings", ""), 403)
	want(t, "revoke", asks(t, s, "acme", owner, "DELETE", path, ""), 204)
	if diff := cmp.Diff(unknown, asks(t, s, "acme", key, "GET", "/v1/me", "")); diff != "" {
		t.Errorf("a revoked key:\n%s", diff)
	}
}

// Who manages users makes no key that can do more than they can themselves,
// whosever it is to be; what counts is the credential that is shown.
func TestAPIKeysGiveNoMoreThanTheirMaker(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "SCOPE_CLAIM="+servicetest.ScopeClaim)
	all := []string{"manage_users", "manage_providers", "manage_scans", "manage_findings", "view_findings", "export_reports"}
	user := mia(t, s, "owner")
	body := func(permissions ...string) string {
		return `{"user_id":"` + user + `","name":"ci","permissions":["` + strings.Join(permissions, `","`) + `"]}`
	}
	made := asks(t, s, "acme", s.Token(t, 0, all...), "POST", "/v1/api-keys", body("manage_users", "view_findings"))
	want(t, "the owner makes a key", made, 201)
	for what, credential := range map[string]string{
		"a key that may manage users":   propertyOf(t, made.Body, "key"),
		"a token that may manage users": s.Token(t, 0, "manage_users", "view_findings"),
	} {
		refused := asks(t, s, "acme", credential, "POST", "/v1/api-keys", body("view_findings", "manage_providers"))
		want(t, what+" makes a key that may do more", refused, 403)
		if !strings.Contains(refused.Body, "the caller lacks manage_providers") {
			t.Errorf("%s: %s", what, refused.Body)
		}
		want(t, what+" makes a key that may do as much", asks(t, s, "acme", credential, "POST", "/v1/api-keys", body("manage_users", "view_findings")), 201)
	}
}

func TestAPIKeysEnd(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	owner, id := s.Token(t, 0), mia(t, s, "analyst")
	table := s.Tenants[0].Schema() + ".api_keys"
	for what, sql := range map[string]string{
		"expired":               "UPDATE " + table + " SET created_at = now() - interval '2 hours', expires_at = now() - interval '1 second'",
		"of a user who is gone": "UPDATE " + s.Tenants[0].Schema() + ".users SET active = false WHERE email = 'mia@acme.example'",
	} {
		made := asks(t, s, "acme", owner, "POST", "/v1/api-keys", `{"user_id":"`+id+`","name":"ci","permissions":[]}`)
		want(t, "make a key", made, 201)
		key := propertyOf(t, made.Body, "key")
		want(t, "a live key", asks(t, s, "acme", key, "GET", "/v1/me", ""), 200)
		execOwner(t, s.DB, sql)
		want(t, "a key that is "+what, asks(t, s, "acme", key, "GET", "/v1/me", ""), 401)
		execOwner(t, s.DB, "UPDATE "+s.Tenants[0].Schema()+".users SET active = true")
	}
}

// A key that a member of the reference makes is one of package identity.
func TestKeysAreMarked(t *testing.T) {
	t.Parallel()
	secret := keyring.Generate("k1")
	ring, err := keyring.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := servicetest.New(t, config(), "SECRET_KEYS="+secret)
	made := asks(t, s, "acme", s.Token(t, 0), "POST", "/v1/api-keys", `{"user_id":"`+mia(t, s, "owner")+`","name":"ci","permissions":[]}`)
	key, ok := identity.ParseAPIKey(propertyOf(t, made.Body, "key"))
	if !ok || !key.Minted(ring) || !key.For(ring, s.Tenants[0].ID) || key.For(ring, s.Tenants[1].ID) {
		t.Errorf("%+v", made)
	}
}
