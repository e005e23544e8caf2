package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// keyUseEvery is how exactly it is known when a key was used last: a busy key is
// written once in this time, and once by each server whatever comes of it.
const keyUseEvery = time.Minute

// credentials find out whom a request comes from, and what they may do.
type credentials struct {
	tokens *identity.Tokens
	// scoped tells that tokens bring scopes.
	scoped bool
	// skew is how far the clock that dates tokens may be ahead of the database's.
	skew    time.Duration
	members identity.Members // nil: every valid token is a member's
	keys    *keyring.Keyring
	uses    *limit.Limiter // how often the use of a key is noted
	db      *tenant.DB
	logger  *slog.Logger
}

// newKeyUses makes credentials.uses.
func newKeyUses() *limit.Limiter {
	return limit.New("key-uses", limit.Policy{Quota: 1, Window: keyUseEvery})
}

// caller is who has shown a credential that is good so far: a token that is valid,
// or a key that this service has made and whose secret nobody has looked at yet.
type caller struct {
	identity.Caller

	key *identity.APIKey
}

// verify answers 401 for everything that is no valid token and no key of this
// service, 403 for a token that names no tenant, and 503 when a token can't be
// verified now. It does not depend on the tenant that the request is for.
func (c *credentials) verify(r *http.Request) (caller, error) {
	raw, ok := identity.Bearer(r)
	if !ok {
		return caller{}, unauthorized("Bearer", errors.New("there is no bearer token"))
	}
	if strings.HasPrefix(raw, identity.KeyPrefix) {
		key, ok := identity.ParseAPIKey(raw)
		if !ok || c.members == nil || !key.Minted(c.keys) {
			return caller{}, refused("this service has never made the API key")
		}
		return caller{key: &key}, nil
	}
	who, err := c.tokens.Verify(r.Context(), raw)
	switch {
	case errors.Is(err, identity.ErrUnavailable):
		return caller{}, &rest.StatusError{Problem: rest.Problem{Status: http.StatusServiceUnavailable}, Err: err}
	case errors.Is(err, identity.ErrInvalid):
		return caller{}, refused(err.Error())
	case err != nil:
		return caller{}, err
	case who.Tenant.IsZero():
		return caller{}, rest.Errorf(http.StatusForbidden, "the token names no tenant")
	}
	return caller{Caller: who}, nil
}

// admit lets a caller in whose credential is for the tenant: it is not from before
// the tenant's credentials began, and the caller is a member. The context that it
// returns has the tenant, the subject and the scopes.
func (c *credentials) admit(ctx context.Context, route tenant.Route, who caller) (context.Context, error) {
	ctx = inTenant(ctx, route)
	member := identity.Member{Subject: who.Subject, Scopes: who.Scopes}
	var err error
	switch {
	case who.key != nil:
		member, err = c.keyed(ctx, route, *who.key)
	case dead(route, who.IssuedAt.Add(-c.skew)): // Keys are dated by the database itself.
		err = refused("the token is from before the tenant's credentials began")
	case c.members != nil:
		member, err = c.member(ctx, route, who)
	}
	if err != nil {
		return nil, err
	}
	return rest.WithScopes(rest.WithSubject(ctx, member.Subject), member.Scopes), nil
}

// dead tells whether a credential of a time, or of none, is from before those of
// the tenant count.
func dead(route tenant.Route, made time.Time) bool {
	return !route.NotBefore.IsZero() && made.Before(route.NotBefore)
}

// member asks the project for the caller. What a token does not hold of the
// member's scopes is left out, where tokens bring any.
func (c *credentials) member(ctx context.Context, route tenant.Route, who caller) (identity.Member, error) {
	q, err := c.db.Bind(route.Tenant)
	if err != nil {
		return identity.Member{}, err
	}
	defer q.Close()
	member, err := c.members.Member(ctx, q, who.Subject)
	if tenant.CodeOf(err) == tenant.CodeNotFound {
		return identity.Member{}, &rest.StatusError{
			Problem: rest.Problem{Status: http.StatusForbidden, Detail: "the caller is not a member of this tenant"},
			Err:     errors.New("a valid token of somebody who is not a member"), // The cause would say that there is no such row.
		}
	}
	if err != nil {
		return identity.Member{}, fmt.Errorf("ask for the member: %w", err)
	}
	if c.scoped {
		member.Scopes = slices.DeleteFunc(slices.Clone(member.Scopes), func(s string) bool { return !slices.Contains(who.Scopes, s) })
	}
	return member, nil
}

// keyed asks the project for the key, and compares the secret.
func (c *credentials) keyed(ctx context.Context, route tenant.Route, key identity.APIKey) (identity.Member, error) {
	if !key.For(c.keys, route.ID) {
		return identity.Member{}, refused("the API key is another tenant's")
	}
	q, err := c.db.Bind(route.Tenant)
	if err != nil {
		return identity.Member{}, err
	}
	defer q.Close()
	stored, err := c.members.Key(ctx, q, key.Prefix)
	switch {
	case tenant.CodeOf(err) == tenant.CodeNotFound:
		return identity.Member{}, refused("no good API key has this prefix")
	case err != nil:
		return identity.Member{}, fmt.Errorf("ask for the API key: %w", err)
	case !key.Matches(c.keys, stored.Hash):
		return identity.Member{}, refused("the API key's secret is wrong")
	case dead(route, stored.CreatedAt):
		return identity.Member{}, refused("the API key is from before the tenant's credentials began")
	}
	if time.Since(stored.LastUsed) > keyUseEvery && c.uses.Take(key.Prefix) == nil {
		if err := c.members.KeyUsed(ctx, q, stored); err != nil { // No reason to refuse the request.
			c.logger.WarnContext(ctx, "the use of an API key is not noted", "tenant", route.ID.String(), "code", string(tenant.CodeOf(err)))
		}
	}
	return stored.Member, nil
}

// refused is 401 for a credential that opens nothing here. Why is for the log
// alone, and for all the same: who tries keys learns nothing of them.
func refused(cause string) error {
	return unauthorized(`Bearer error="invalid_token"`, errors.New(cause))
}

func unauthorized(challenge string, cause error) error {
	return &rest.StatusError{
		Problem: rest.Problem{Status: http.StatusUnauthorized},
		Header:  http.Header{"Www-Authenticate": {challenge}},
		Err:     cause,
	}
}
