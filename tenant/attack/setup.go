package attack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// newCampaign sees to it that the target is one, before anything is attacked: what
// is refused because it is worth nothing would pass for safe.
func newCampaign(ctx context.Context, target Target) (*campaign, error) {
	target.Timeout = cmp.Or(target.Timeout, DefaultTimeout)
	target.TenantClaim = cmp.Or(target.TenantClaim, "tenant")
	target.Reaction = cmp.Or(target.Reaction, time.Second)
	if err := target.complete(); err != nil {
		return nil, err
	}
	at, err := url.Parse(target.URL)
	if err != nil || at.Host == "" {
		return nil, fmt.Errorf("attack: %q is no URL with a host, such as http://127.0.0.1:8080", target.URL)
	}
	c := &campaign{Target: target, client: newClient(at, max(target.Timeout, DefaultTimeout)), report: &Report{}}
	if err := c.reachable(ctx); err != nil {
		return nil, err
	}
	if len(target.Document) == 0 {
		got := c.send(ctx, request{path: "/openapi.yaml", host: target.A.Host})
		if got.err != nil {
			return nil, c.unreachable(got)
		}
		if got.status != http.StatusOK {
			return nil, fmt.Errorf("attack: the service has no document at /openapi.yaml (%s): give it, Target.Document", got)
		}
		target.Document = []byte(got.body)
	}
	if c.doc, err = readDocument(target.Document); err != nil {
		return nil, err
	}
	for _, check := range []func(context.Context) error{c.parties, c.findWitness, c.credentials, c.operators} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	c.client.Timeout = target.Timeout // So far it was not asked how fast the service is.
	return c, nil
}

// complete looks for what is required, and at the attacks' numbers.
func (t *Target) complete() error {
	for _, n := range t.Only {
		if n < 1 || n > Attacks {
			return fmt.Errorf("attack: there is no attack %d: they are 1 to %d", n, Attacks)
		}
	}
	if t.Timeout < 0 {
		return fmt.Errorf("attack: Target.Timeout is %s: a request needs some time", t.Timeout)
	}
	for _, required := range []struct{ name, value string }{
		{"URL", t.URL}, {"A.Host", t.A.Host}, {"A.Token", t.A.Token}, {"B.Host", t.B.Host}, {"B.Token", t.B.Token},
	} {
		if required.value == "" {
			return fmt.Errorf("attack: the target has no Target.%s", required.name)
		}
	}
	return nil
}

// reachable wants the databases and the log to be there before anything is sent.
func (c *campaign) reachable(ctx context.Context) error {
	for _, of := range []struct{ name, role, url string }{
		{"Target.RuntimeURL", "runtime", c.RuntimeURL}, {"Target.OwnerURL", "owner", c.OwnerURL},
	} {
		if of.url == "" {
			continue
		}
		config, err := pgx.ParseConfig(of.url)
		if err != nil { // Its own error would quote the password.
			return fmt.Errorf("attack: %s can't be read as a connection string, such as postgres://role@127.0.0.1:5432/app", of.name)
		}
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return fmt.Errorf("attack: connect as the %s role, %s: %w", of.role, of.name, err)
		}
		if err := conn.Close(ctx); err != nil {
			return fmt.Errorf("attack: close the connection of %s: %w", of.name, err)
		}
	}
	if c.Log != nil {
		if _, err := c.Log(); err != nil {
			return fmt.Errorf("attack: read the service's log, Target.Log: %w", err)
		}
	}
	return nil
}

func (c *campaign) unreachable(got answer) error {
	return fmt.Errorf("attack: %s can't be reached: %w", c.URL, got.err)
}

// parties wants A, B and the spare tenant to be three.
func (c *campaign) parties(context.Context) error {
	for _, two := range []struct {
		name, other string
		a, b        Party
	}{
		{"A", "B", c.A, c.B}, {"Spare", "A", c.Spare, c.A}, {"Spare", "B", c.Spare, c.B},
	} {
		switch id := c.tenantOf(two.a); {
		case two.a.Host != "" && sameHost(two.a.Host, two.b.Host):
			return fmt.Errorf("attack: Target.%s.Host and Target.%s.Host are one host, %s: they must be two tenants'", two.name, two.other, two.a.Host)
		case two.a.Token != "" && two.a.Token == two.b.Token:
			return fmt.Errorf("attack: Target.%s.Token and Target.%s.Token are one token: they must be two tenants'", two.name, two.other)
		case id != "" && id == c.tenantOf(two.b):
			return fmt.Errorf("attack: Target.%s.Token and Target.%s.Token are of one tenant, by their claim %q: they must be two tenants'", two.name, two.other, c.TenantClaim)
		}
	}
	return nil
}

func sameHost(a, b string) bool {
	plain := func(host string) string {
		name, _, _ := strings.Cut(strings.ToLower(host), ":")
		return strings.TrimSuffix(name, ".")
	}
	return plain(a) == plain(b)
}

// findWitness looks for the operation by whose answer A and B are told apart.
func (c *campaign) findWitness(ctx context.Context) error {
	last := ""
	for _, op := range c.doc.operations {
		if op.method != http.MethodGet || !op.secured || !op.tenants || len(op.pathParams()) > 0 {
			continue
		}
		a, b := c.as(ctx, c.A, op), c.as(ctx, c.B, op)
		for _, got := range []answer{a, b} {
			if got.err != nil {
				return c.unreachable(got)
			}
		}
		if a.status == http.StatusOK && b.status == http.StatusOK && a.body != b.body {
			c.witness, c.own, c.theirs = op, a, b
			return nil
		}
		last = fmt.Sprintf("%s is answered to Target.A.Token at %s with %s, and to Target.B.Token at %s with %s", op, c.A.Host, a, c.B.Host, b)
	}
	if last == "" {
		return errors.New("attack: the document has no GET without parameters in its path that a tenant's member must have a token for")
	}
	return errors.New("attack: no GET of the document answers A and B each with something of its own: are both tokens valid, each for its host, and do both tenants have data? " + last)
}
