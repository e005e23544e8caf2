package servicetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/attack"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// reaction is how soon a service must know what has changed, on a busy machine.
const reaction = 5 * time.Second

// Target is the service with its database, for [tenanttest.Attack]: the first tenant
// attacks the second, and a third one, made for that, is offboarded. The tenants
// need something of their own first, which their lists show. What a test knows
// besides, such as a member without permissions or API keys, it adds.
func (s *Service) Target(t testing.TB) attack.Target {
	t.Helper()
	party := func(of tenant.Tenant) attack.Party {
		return attack.Party{Host: of.Slug + "." + BaseDomain, Token: s.Issuer.Token(t, of, Subject)}
	}
	return attack.Target{
		URL: "http://" + s.Addr, Document: s.document, A: party(s.Tenants[0]), B: party(s.Tenants[1]), Spare: party(s.spare(t)), KeysURL: s.Issuer.URL,
		Sign:       func(claims map[string]any) (string, error) { return s.Issuer.Sign(t, jose.ES256, claims), nil },
		Log:        func() ([]byte, error) { return []byte(s.Log.String()), nil },
		RuntimeURL: s.RuntimeURL, OwnerURL: s.OwnerURL,
		Sever:    func(ctx context.Context) (int, error) { return Sever(ctx, s.URLs) },
		Reaction: reaction,
	}
}

// spare makes a tenant that may be broken.
func (s *Service) spare(t testing.TB) tenant.Tenant {
	t.Helper()
	plans, err := s.Catalog.Plans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	params := catalog.CreateParams{Slug: "spare", OwnerEmail: Subject, Key: "attack suite"}
	if len(plans) > 0 {
		params.Plan = plans[0]
	}
	made, err := s.Catalog.Create(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// Sever ends the connections of the runtime role to a test's database, as when the
// server fails, and returns how many there were.
func Sever(ctx context.Context, urls tenanttest.URLs) (n int, err error) {
	runtime, err := pgx.ParseConfig(urls.RuntimeURL)
	if err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, urls.SuperURL)
	if err != nil {
		return 0, err
	}
	err = conn.QueryRow(ctx, attack.SeverSQL, runtime.User).Scan(&n)
	return n, errors.Join(err, conn.Close(ctx))
}
