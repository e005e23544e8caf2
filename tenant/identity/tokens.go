package identity

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	// MaxToken is the longest token that is looked at, in bytes.
	MaxToken = 8 << 10
	// maxAudiences is how many audiences of a token are looked up.
	maxAudiences = 8
)

// What [Tokens.Verify] fails with. Neither says more: the cause could quote the
// token.
var (
	// ErrInvalid says that the token is none, or not a good one.
	ErrInvalid = errors.New("the token is not valid")
	// ErrUnavailable says that the token can't be verified now, because its
	// issuer's keys can't be had or the registry of issuers can't be asked.
	ErrUnavailable = errors.New("the token can't be verified now")
)

// DefaultAlgorithms are accepted unless [Config] says otherwise.
func DefaultAlgorithms() []string {
	return []string{string(jose.EdDSA), string(jose.ES256), string(jose.RS256)}
}

// algorithms are all that may be allowed: those of a key pair. A shared secret
// has no place here, since everybody knows the public keys.
var algorithms = []jose.SignatureAlgorithm{
	jose.EdDSA, jose.ES256, jose.ES384, jose.ES512, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
}

// CheckAlgorithm tells whether tokens signed by an algorithm may be accepted at all.
func CheckAlgorithm(name string) error {
	if !slices.Contains(algorithms, jose.SignatureAlgorithm(name)) {
		return fmt.Errorf("%q is no algorithm of a key pair; those are %v", name, algorithms)
	}
	return nil
}

// Config says which tokens are good and how they are read.
type Config struct {
	// Issuer and Audience are iss and aud of the tokens that all tenants share. No
	// issuer means that there are no such tokens.
	Issuer, Audience string
	// JWKSURL is where the issuer's keys are. Empty means where its discovery says.
	JWKSURL string
	// Keys are the issuer's keys where it publishes none.
	Keys []crypto.PublicKey
	// Issuers finds issuers of single tenants. Nil means that there are none.
	Issuers Issuers
	// PrivateIssuers lets issuers of single tenants have addresses that are not
	// public: private, loopback, of the link. Whoever chooses such an issuer has
	// this process ask what only it can reach.
	PrivateIssuers bool
	// Algorithms are those accepted; empty means DefaultAlgorithms. Each must pass
	// CheckAlgorithm.
	Algorithms []string
	// Skew is how far the issuer's clock may be from this one, at exp, nbf and iat.
	Skew time.Duration
	// TenantClaim names the claim with the tenant's id, SubjectClaim the one with
	// the subject; empty means "tenant" and "sub". A claim within another is
	// written as a path, such as "app.tenant"; a claim whose own name has dots is
	// found first.
	TenantClaim, SubjectClaim string
	// ScopeClaim names the claim with the scopes, a list or a text with spaces.
	// Empty means that tokens have no scopes.
	ScopeClaim string
}

// Issuer is one whose tokens speak for a single tenant.
type Issuer struct {
	Tenant tenant.ID
	// JWKSURL is where its keys are. Empty means where its discovery says.
	JWKSURL string
}

// Issuers is the registry of the issuers of single tenants. There being none with
// this iss and aud is CodeNotFound. It is asked before the token is verified, so
// it should remember its answers.
type Issuers interface {
	Issuer(ctx context.Context, issuer, audience string) (Issuer, error)
}

// Caller is what a good token says.
type Caller struct {
	// Subject is never empty.
	Subject string
	// Tenant is the one that the token is for; zero when it names none.
	Tenant tenant.ID
	// IssuedAt is when; zero when the token does not say.
	IssuedAt time.Time
	// Scopes are those of ScopeClaim; nil when there is no such claim.
	Scopes []string
}

// Tokens verifies tokens. It is safe for concurrent use.
type Tokens struct {
	config     Config
	algorithms []jose.SignatureAlgorithm
	shared     keys
	own        sets
}

// NewTokens returns a verifier. It asks nobody yet: an issuer that is not there
// keeps no service from starting.
func NewTokens(c Config) (*Tokens, error) {
	if len(c.Algorithms) == 0 {
		c.Algorithms = DefaultAlgorithms()
	}
	if c.TenantClaim == "" {
		c.TenantClaim = "tenant"
	}
	if c.SubjectClaim == "" {
		c.SubjectClaim = "sub"
	}
	t := &Tokens{config: c, own: sets{client: newPublicClient()}}
	if c.PrivateIssuers {
		t.own.client = newClient()
	}
	for _, name := range c.Algorithms {
		if err := CheckAlgorithm(name); err != nil {
			return nil, err
		}
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(name))
	}
	t.shared = newKeySet(newClient(), c.Issuer, c.JWKSURL)
	if c.Keys != nil {
		t.shared = fixedKeys(c.Keys)
	}
	return t, nil
}

// Verify reads a token. It fails with ErrInvalid, ErrUnavailable, or the error of
// ctx.
func (t *Tokens) Verify(ctx context.Context, raw string) (Caller, error) {
	if raw == "" || len(raw) > MaxToken {
		return Caller{}, ErrInvalid
	}
	token, err := jwt.ParseSigned(raw, t.algorithms)
	if err != nil {
		return Caller{}, ErrInvalid
	}
	var said jwt.Claims // Not to be believed: it only tells whose keys to verify by.
	if err := token.UnsafeClaimsWithoutVerification(&said); err != nil {
		return Caller{}, ErrInvalid
	}
	from, err := t.source(ctx, said)
	if err != nil {
		return Caller{}, err
	}
	var standard jwt.Claims
	var all map[string]any
	if err := verify(ctx, from.keys, token, &standard, &all); err != nil {
		return Caller{}, err
	}
	if standard.Expiry == nil || standard.ValidateWithLeeway(jwt.Expected{Time: time.Now()}, t.config.Skew) != nil {
		return Caller{}, ErrInvalid
	}
	return t.caller(from, standard, all)
}

// source is whom a token is from: its keys, and the one tenant for which it
// speaks, if it is not one for all.
type source struct {
	keys   keys
	tenant tenant.ID
}

// source finds whose token it says to be. The shared issuer goes first, so that
// no tenant's issuer can stand in for it; one that several tenants' issuers could
// have made is nobody's.
func (t *Tokens) source(ctx context.Context, said jwt.Claims) (source, error) {
	if t.config.Issuer != "" && said.Issuer == t.config.Issuer && said.Audience.Contains(t.config.Audience) {
		return source{keys: t.shared}, nil
	}
	if t.config.Issuers == nil || said.Issuer == "" || len(said.Audience) > maxAudiences {
		return source{}, ErrInvalid
	}
	var found []Issuer
	for _, audience := range said.Audience {
		issuer, err := t.config.Issuers.Issuer(ctx, said.Issuer, audience)
		switch {
		case tenant.CodeOf(err) == tenant.CodeNotFound:
		case err != nil && ctx.Err() != nil:
			return source{}, ctx.Err()
		case err != nil:
			return source{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case !slices.Contains(found, issuer):
			found = append(found, issuer)
		}
	}
	if len(found) != 1 {
		return source{}, ErrInvalid
	}
	return source{keys: t.own.of(said.Issuer, found[0].JWKSURL), tenant: found[0].Tenant}, nil
}

// caller reads the claims of a token that has been verified.
func (t *Tokens) caller(from source, standard jwt.Claims, all map[string]any) (Caller, error) {
	c := Caller{Tenant: from.tenant}
	c.Subject, _ = claim(all, t.config.SubjectClaim).(string)
	if c.Subject == "" {
		return Caller{}, ErrInvalid
	}
	if standard.IssuedAt != nil {
		c.IssuedAt = standard.IssuedAt.Time()
	}
	if t.config.ScopeClaim != "" {
		c.Scopes = scopes(claim(all, t.config.ScopeClaim))
	}
	said := claim(all, t.config.TenantClaim)
	if said == nil {
		return c, nil
	}
	text, _ := said.(string)
	id, err := tenant.ParseID(text)
	if err != nil || (!from.tenant.IsZero() && id != from.tenant) {
		id = tenant.ID{} // It names none, or not the one that its issuer may speak for.
	}
	c.Tenant = id
	return c, nil // Who has a token for no tenant is known, and refused later.
}
