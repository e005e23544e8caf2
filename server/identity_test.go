package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// reply is what a request was answered.
type reply struct {
	Status    int
	Challenge string
	Body      string
}

// asks sends a request with a credential to the host of a slug.
func asks(t *testing.T, s *servicetest.Service, slug, credential, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+slug+"."+servicetest.BaseDomain+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	if body != "" {
		r.Header.Set("Content-Type", map[bool]string{true: "application/merge-patch+json", false: "application/json"}[method == "PATCH"])
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header.Get("WWW-Authenticate"), string(answer)}
}

// propertyOf takes a property of a JSON object, by a path through objects.
func propertyOf(t *testing.T, body string, path ...string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, name := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("no %v in %s", path, body)
		}
		value = inner[name]
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(text), `"`)
}

// want fails the test unless the answer has a status.
func want(t *testing.T, what string, got reply, status int) {
	t.Helper()
	if got.Status != status {
		t.Errorf("%s: %d instead of %d %s %s", what, got.Status, status, got.Challenge, got.Body)
	}
}

// mia makes a user of acme with a role, and gives her id.
func mia(t *testing.T, s *servicetest.Service, role string) string {
	t.Helper()
	execOwner(t, s.DB, "INSERT INTO "+s.Tenants[0].Schema()+".users (email, display_name) VALUES ('mia@acme.example', 'Mia')")
	execOwner(t, s.DB, "INSERT INTO "+s.Tenants[0].Schema()+".user_roles (user_id, role_id) SELECT u.id, r.id FROM "+
		s.Tenants[0].Schema()+".users u, "+s.Tenants[0].Schema()+".roles r WHERE u.email = 'mia@acme.example' AND r.name = $1", role)
	me := asks(t, s, "acme", s.Issuer.Token(t, s.Tenants[0], "MIA@acme.example"), "GET", "/v1/me", "")
	want(t, "mia", me, http.StatusOK)
	return propertyOf(t, me.Body, "id")
}

// Attack 6: a token lives for an hour, what it opens as long as its member may.
func TestAttack6MembersAreAskedForAtEachRequest(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	owner := s.Token(t, 0)
	id := mia(t, s, "auditor")
	token := s.Issuer.Token(t, s.Tenants[0], "mia@acme.example")
	want(t, "an auditor reads findings", asks(t, s, "acme", token, "GET", "/v1/findings", ""), 200)
	for path, scope := range map[string]string{"/v1/users": "manage_users", "/v1/providers/" + id + "/secret": "manage_providers"} {
		got := asks(t, s, "acme", token, "GET", path, "")
		want(t, "an auditor at "+path, got, 403)
		if got.Challenge != `Bearer error="insufficient_scope", scope="`+scope+`"` {
			t.Errorf("challenge %s", got.Challenge)
		}
	}
	// The role goes, and with it the permission; then the member.
	want(t, "take the role", asks(t, s, "acme", owner, "DELETE", "/v1/users/"+id+"/roles/3", ""), 204)
	want(t, "without the role", asks(t, s, "acme", token, "GET", "/v1/findings", ""), 403)
	want(t, "without a permission", asks(t, s, "acme", token, "GET", "/v1/me", ""), 200)
	want(t, "deactivate", asks(t, s, "acme", owner, "DELETE", "/v1/users/"+id, ""), 204)
	removed := asks(t, s, "acme", token, "GET", "/v1/me", "")
	want(t, "removed", removed, 403)
	never := asks(t, s, "acme", s.Issuer.Token(t, s.Tenants[0], "eve@evil.example"), "GET", "/v1/me", "")
	if diff := cmp.Diff(removed, never); diff != "" {
		t.Errorf("one who was a member is told from one who never was:\n%s", diff)
	}
}

// Attack 32: what was given out before a tenant was offboarded is dead, also once
// the tenant is back.
func TestAttack32CredentialsFromBeforeAreDead(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "CLOCK_SKEW=0s")
	old, id := s.Token(t, 0), mia(t, s, "owner")
	made := asks(t, s, "acme", old, "POST", "/v1/api-keys", `{"user_id":"`+id+`","name":"ci","permissions":[]}`)
	want(t, "make a key", made, 201)
	key := propertyOf(t, made.Body, "key")
	want(t, "the key", asks(t, s, "acme", key, "GET", "/v1/me", ""), 200)
	// The token of before is an hour old, as seconds are all that iat tells.
	claims := servicetest.Claims(s.Tenants[0].ID.String())
	claims["iat"] = time.Now().Add(-time.Hour).Unix()
	old = s.Issuer.Sign(t, jose.ES256, claims)
	delete(claims, "iat")
	undated := s.Issuer.Sign(t, jose.ES256, claims)
	want(t, "a token that does not say when", asks(t, s, "acme", undated, "GET", "/v1/me", ""), 200)

	if _, err := s.Catalog.Offboard(t.Context(), catalog.Ref{Slug: "acme"}, catalog.OffboardParams{Grace: time.Hour, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "offboarded", func() bool { return asks(t, s, "acme", old, "GET", "/v1/me", "").Status == 403 })
	want(t, "the key of an offboarded tenant", asks(t, s, "acme", key, "GET", "/v1/me", ""), 401)
	if _, err := s.Catalog.Restore(t.Context(), catalog.Ref{Slug: "acme"}); err != nil {
		t.Fatal(err)
	}
	claims["iat"] = time.Now().Add(time.Second).Unix() // Good from then on.
	fresh := s.Issuer.Sign(t, jose.ES256, claims)
	eventually(t, "restored", func() bool { return asks(t, s, "acme", fresh, "GET", "/v1/me", "").Status == 200 })
	for what, credential := range map[string]string{"the old token": old, "the token without iat": undated, "the old key": key} {
		want(t, what, asks(t, s, "acme", credential, "GET", "/v1/me", ""), 401)
	}
}

// Attack 32: the clock of an issuer may be ahead by CLOCK_SKEW, and what it dated
// then is from before all the same. Keys are dated by the database.
func TestAttack32TokensOfAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "CLOCK_SKEW=2m")
	dated := func(ahead time.Duration) string {
		claims := servicetest.Claims(s.Tenants[0].ID.String())
		claims["iat"] = time.Now().Add(ahead).Unix()
		return s.Issuer.Sign(t, jose.ES256, claims)
	}
	me := func(credential string) int { return asks(t, s, "acme", credential, "GET", "/v1/me", "").Status }
	ahead := dated(100 * time.Second)
	made := asks(t, s, "acme", ahead, "POST", "/v1/api-keys", `{"user_id":"`+mia(t, s, "owner")+`","name":"ci","permissions":[]}`)
	want(t, "make a key", made, 201)
	key, acme := propertyOf(t, made.Body, "key"), catalog.Ref{Slug: "acme"}
	if _, err := s.Catalog.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Catalog.Restore(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	eventually(t, "restored", func() bool { return me(ahead) == 401 && me(key) == 401 })
	execOwner(t, s.DB, "UPDATE bailiwick.tenants SET not_before = now() - interval '1 minute'")
	execOwner(t, s.DB, "SELECT pg_notify('"+catalog.Channel+"', tenant_id::text) FROM bailiwick.tenants")
	eventually(t, "restored a minute ago", func() bool { return me(key) == 200 })
	for want, credential := range map[int]string{200: dated(90 * time.Second), 401: dated(30 * time.Second)} {
		if got := me(credential); got != want {
			t.Errorf("a token is answered %d, want %d", got, want)
		}
	}
}

// eventually waits for what servers hear of.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %s", what)
		}
	}
}

// What a token's scopes do not hold, it can't do, whatever its member may.
func TestScopesOfTokens(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "SCOPE_CLAIM="+servicetest.ScopeClaim)
	for _, c := range []struct {
		scopes []string
		path   string
		status int
	}{
		{[]string{"view_findings"}, "/v1/findings", 200},
		{[]string{"view_findings"}, "/v1/users", 403},
		{[]string{"view_findings", "manage_users"}, "/v1/users", 200},
		{nil, "/v1/findings", 403},
		{nil, "/v1/me", 200},
	} {
		want(t, strings.Join(c.scopes, " ")+" at "+c.path, asks(t, s, "acme", s.Token(t, 0, c.scopes...), "GET", c.path, ""), c.status)
	}
	mia(t, s, "auditor")
	token := s.Issuer.Token(t, s.Tenants[0], "mia@acme.example", "manage_users", "view_findings")
	want(t, "a scope that the member lacks", asks(t, s, "acme", token, "GET", "/v1/users", ""), 403)
}

// A tenant's own issuer speaks for it alone, without a claim that names it.
func TestIssuerOfOneTenant(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "ISSUER_PRIVATE=true")
	own := servicetest.NewIssuer(t)
	claims := servicetest.Claims("")
	claims["iss"], claims["aud"] = own.URL, "acme"
	delete(claims, "tenant")
	token := own.Sign(t, jose.ES256, claims)
	want(t, "an issuer that nobody knows", asks(t, s, "acme", token, "GET", "/v1/me", ""), 401)
	if _, err := s.Catalog.AddIssuer(t.Context(), catalog.Ref{Slug: "acme"}, catalog.Issuer{Issuer: own.URL, Audience: "acme"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "trusted", func() bool { return asks(t, s, "acme", token, "GET", "/v1/me", "").Status == 200 })
	want(t, "another tenant", asks(t, s, "globex", token, "GET", "/v1/me", ""), 403)
	claims["tenant"] = s.Tenants[1].ID.String()
	for _, host := range []string{"acme", "globex"} {
		want(t, "a claim of another tenant at "+host, asks(t, s, host, own.Sign(t, jose.ES256, claims), "GET", "/v1/me", ""), 403)
	}
	own.Down.Store(true)
	want(t, "its keys are known", asks(t, s, "acme", token, "GET", "/v1/me", ""), 200)
	want(t, "an outage is its own", asks(t, s, "acme", s.Token(t, 0), "GET", "/v1/me", ""), 200)
	if err := s.Catalog.RemoveIssuer(t.Context(), catalog.Ref{Slug: "acme"}, own.URL, "acme"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "removed", func() bool { return asks(t, s, "acme", token, "GET", "/v1/me", "").Status == 401 })
}

// Attack 25: an invitation that is no good is answered alike, whatever it was, and
// as a host that is nobody's is; so is a request that is wrong otherwise.
func TestAttack25Invitations(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	owner := s.Token(t, 0)
	invite := func(email string) (token, path string) {
		made := asks(t, s, "acme", owner, "POST", "/v1/invitations", `{"email":"`+email+`","role_id":3}`)
		want(t, "invite "+email, made, 201)
		return propertyOf(t, made.Body, "token"), "/v1/invitations/" + propertyOf(t, made.Body, "invitation", "id")
	}
	accept := func(host, token string) reply {
		return asks(t, s, host, "", "POST", "/v1/accepted-invitations", `{"token":"`+token+`","display_name":"Kim"}`)
	}
	used, _ := invite("used@acme.example")
	want(t, "accept", accept("acme", used), 200)
	want(t, "a member at once", asks(t, s, "acme", s.Issuer.Token(t, s.Tenants[0], "used@acme.example"), "GET", "/v1/findings", ""), 200)
	revoked, path := invite("revoked@acme.example")
	want(t, "revoke", asks(t, s, "acme", owner, "DELETE", path, ""), 204)
	expired, _ := invite("expired@acme.example")
	execOwner(t, s.DB, "UPDATE "+s.Tenants[0].Schema()+".invitations SET created_at = now() - interval '8 days' WHERE email = 'expired@acme.example'")
	good, _ := invite("good@acme.example")

	unknown := accept("acme", strings.Repeat("x", 43))
	want(t, "unknown", unknown, 404)
	for what, got := range map[string]reply{
		"used": accept("acme", used), "revoked": accept("acme", revoked), "expired": accept("acme", expired),
		"of another tenant": accept("globex", good), "at nobody's host": accept("nobody", good),
	} {
		if diff := cmp.Diff(unknown, got); diff != "" {
			t.Errorf("%s (-unknown +got):\n%s", what, diff)
		}
	}
	for _, body := range []string{`{"token":"short"}`, `{`, `{"token":"` + good + `","display_name":" "}`} {
		here := asks(t, s, "acme", "", "POST", "/v1/accepted-invitations", body)
		if diff := cmp.Diff(here, asks(t, s, "nobody", "", "POST", "/v1/accepted-invitations", body)); diff != "" {
			t.Errorf("%s (-acme +nobody):\n%s", body, diff)
		}
	}
	want(t, "the good one, after all", accept("acme", good), 200)
}

// The invited get their token by mail; whoever invites has it too, for when no
// mail goes out.
func TestInvitationsAreMailed(t *testing.T) {
	t.Parallel()
	var sent []mail.Message
	cfg, silent := config(), config()
	cfg.Mail = func(_ context.Context, m mail.Message) error {
		sent = append(sent, m)
		return nil
	}
	silent.Mail = func(context.Context, mail.Message) error { return errors.New("down") }
	s := servicetest.New(t, cfg)
	const invitation = `{"email":"kim@acme.example","role_id":3}`
	made := asks(t, s, "acme", s.Token(t, 0), "POST", "/v1/invitations", invitation)
	if propertyOf(t, made.Body, "mailed") != "true" || len(sent) != 1 || sent[0].To != "kim@acme.example" ||
		!strings.Contains(sent[0].Text, "\n"+propertyOf(t, made.Body, "token")+"\n") || !strings.Contains(sent[0].Text, "as auditor") {
		t.Errorf("%+v sent %+v", made, sent)
	}
	down := servicetest.New(t, silent)
	made = asks(t, down, "acme", down.Token(t, 0), "POST", "/v1/invitations", invitation)
	if made.Status != http.StatusCreated || propertyOf(t, made.Body, "mailed") != "false" {
		t.Errorf("%+v", made)
	}
	want(t, "accept what no mail told of", asks(t, down, "acme", "", "POST", "/v1/accepted-invitations",
		`{"token":"`+propertyOf(t, made.Body, "token")+`","display_name":"Kim"}`), 200)
}

// What is open to all is limited, and where there is no tenant as well.
func TestOpenOperationsAreLimited(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config(), "OPEN_LIMIT=4/1h")
	for i, host := range []string{"acme", "nobody", "globex", "acme", "acme", "nobody"} {
		got := asks(t, s, host, "", "POST", "/v1/accepted-invitations", `{"token":"`+strings.Repeat("x", 43)+`","display_name":"Kim"}`)
		want(t, host, got, map[bool]int{true: 404, false: 429}[i < 4])
	}
	want(t, "members are not", asks(t, s, "acme", s.Token(t, 0), "GET", "/v1/me", ""), 200)
}
