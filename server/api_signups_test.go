package main

import (
	"context"
	"regexp"
	"sync"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// outbox is the mail of a service, by address.
type outbox struct{ sync.Map }

func (o *outbox) send(_ context.Context, m mail.Message) error {
	o.Store(m.To, m.Text)
	return nil
}

// token is the one in the last mail to an address.
func (o *outbox) token(t *testing.T, to string) string {
	t.Helper()
	text, _ := o.Load(to)
	token := regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`).FindString(text.(string))
	if token == "" {
		t.Fatalf("no token in the mail to %s: %s", to, text)
	}
	return token
}

// newMailed is a service where people can sign up, with its mail.
func newMailed(t *testing.T) (*configured, *outbox) {
	t.Helper()
	sent := &outbox{}
	cfg := config()
	cfg.Mail = sent.send
	s := servicetest.New(t, cfg, "SIGNUP=on")
	return &configured{Service: s, addr: s.Addr, stdout: s.Stdout, log: s.Log}, sent
}

// signUp asks for a tenant and confirms. Nobody makes it: this service has no
// owner role, and so no worker.
func (c *apiClient) signUp(t *testing.T, sent *outbox) {
	t.Helper()
	slug := "new-" + c.service.Tenants[c.tenant].Slug
	body := object{"slug": slug, "name": "New", "email": "kim@" + slug + ".example", "plan": "team"}
	c.call(t, "POST", "/v1/signups", body, 202)
	token := sent.token(t, "kim@"+slug+".example")
	body["plan"] = "enterprise" // It is not on offer.
	c.call(t, "POST", "/v1/signups", body, 422)
	made := c.call(t, "POST", "/v1/confirmed-signups", object{"token": token}, 202)
	c.call(t, "POST", "/v1/confirmed-signups", object{"token": token}, 404)
	c.call(t, "GET", at(t, "/v1/signups", made), nil, 400) // Nobody without the token.
	c.signup = token
	defer func() { c.signup = "" }()
	if s := c.call(t, "GET", at(t, "/v1/signups", made), nil, 200); s["state"] != "provisioning" || s["host"] != nil || s["slug"] != slug {
		t.Errorf("sign-up: %v", s)
	}
}

// Where nobody has asked for it, nobody can sign up.
func TestNoSignupsUnasked(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	for path, body := range map[string]string{
		"/v1/signups":           `{"slug":"initech","name":"Initech","email":"peter@initech.example","plan":"team"}`,
		"/v1/confirmed-signups": `{"token":"0123456789012345678901234567890123456789012"}`,
	} {
		if status, answer := c.send(t, 0, "POST", path, body); status != 404 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
}
