package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bailiwick-dev/bailiwick/tenant/identity"
)

// credentials wants those that the service must refuse to be refused for the one
// reason that they stand for. Anything is refused that is garbage.
func (c *campaign) credentials(ctx context.Context) error {
	for _, of := range []struct{ name, token string }{{"Target.A.Removed", c.A.Removed}, {"Target.A.Limited", c.A.Limited}} {
		if of.token == "" {
			continue
		}
		if err := c.tokenOfA(ctx, of.token); err != nil {
			return fmt.Errorf("attack: %s is no token of A's: %w", of.name, err)
		}
	}
	for _, of := range []struct{ name, key string }{{"Target.A.RevokedKey", c.A.RevokedKey}, {"Target.B.Key", c.B.Key}} {
		if _, ok := identity.ParseAPIKey(of.key); of.key != "" && !ok {
			return fmt.Errorf("attack: %s has not the form of an API key, %s and then its two parts with a dot between them", of.name, identity.KeyPrefix)
		}
	}
	if c.A.RevokedKey != "" && slices.Contains([]string{c.A.Key, c.B.Key, c.Spare.Key}, c.A.RevokedKey) {
		return errors.New("attack: Target.A.RevokedKey is a key that is said to be good as well")
	}
	return c.limited(ctx)
}

// tokenOfA holds a token against A's own: but for whom it is for, they are alike.
func (c *campaign) tokenOfA(ctx context.Context, token string) error {
	_, mine, isJWT := parts(c.A.Token)
	switch _, claims, ok := parts(token); {
	case token == c.A.Token:
		return errors.New("it is Target.A.Token itself")
	case token == c.B.Token || token == c.Spare.Token:
		return errors.New("it is another tenant's, Target.B.Token or Target.Spare.Token")
	case !isJWT:
		return nil // Nobody but the service can read them.
	case !ok:
		return errors.New("it is no JWT")
	case !reflect.DeepEqual(claims[c.TenantClaim], mine[c.TenantClaim]):
		return fmt.Errorf("its claim %q is not that of Target.A.Token", c.TenantClaim)
	case !reflect.DeepEqual(claims["iss"], mine["iss"]):
		return errors.New("its issuer is not that of Target.A.Token")
	case mine["aud"] != nil && !slices.ContainsFunc(list(mine["aud"]), func(v string) bool { return slices.Contains(list(claims["aud"]), v) }):
		return errors.New("its audience is not that of Target.A.Token")
	case reflect.DeepEqual(claims["sub"], mine["sub"]):
		return errors.New("its subject is that of Target.A.Token")
	case over(claims["exp"]):
		return errors.New("it has expired")
	}
	return c.verified(ctx, token, mine)
}

// list is a claim that may be one text or several.
func list(claim any) (texts []string) {
	several, ok := claim.([]any)
	if !ok {
		several = []any{claim}
	}
	for _, v := range several {
		if text, ok := v.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

func over(exp any) bool {
	seconds, ok := exp.(float64)
	return ok && time.Now().After(time.Unix(int64(seconds), 0))
}

// verified holds a token's signature against the issuer's keys, where they are to
// be had.
func (c *campaign) verified(ctx context.Context, token string, claims map[string]any) error {
	keys, err := c.publicKeys(ctx, claims)
	if err != nil {
		return nil //nolint:nilerr // Attack 5 says that it has no keys.
	}
	signed, err := jose.ParseSignedCompact(token, asymmetric)
	if err != nil {
		return errors.New("it is signed by none of the algorithms of public keys")
	}
	for _, key := range keys {
		if _, err := signed.Verify(key); err == nil {
			return nil
		}
	}
	return errors.New("none of the issuer's keys has signed it")
}

var asymmetric = []jose.SignatureAlgorithm{
	jose.EdDSA, jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512,
}

// limited wants the member without permissions to be one: where the document wants
// none, the service must answer.
func (c *campaign) limited(ctx context.Context) error {
	for _, op := range c.doc.operations {
		if c.A.Limited == "" || op.method != http.MethodGet || !op.secured || !op.tenants || len(op.permissions) > 0 || len(op.pathParams()) > 0 {
			continue
		}
		got := c.send(ctx, request{path: op.target(nil), host: c.A.Host, token: c.A.Limited})
		if got.is(http.StatusUnauthorized, http.StatusForbidden) {
			return fmt.Errorf("attack: Target.A.Limited is no member's token: %s, which wants no permission, is answered with %s", op, got)
		}
	}
	return nil
}

// operators wants the operator's listener to be one, apart from the tenants', and
// the key to be good there.
func (c *campaign) operators(ctx context.Context) error {
	if c.OperatorURL == "" {
		return nil
	}
	if strings.EqualFold(strings.TrimSuffix(c.OperatorURL, "/"), strings.TrimSuffix(c.URL, "/")) {
		return errors.New("attack: Target.OperatorURL is Target.URL, the tenants' own listener: the operator's endpoints have another one")
	}
	r := request{path: "/v1/tenants"}
	nobody := c.sendTo(ctx, c.OperatorURL, r)
	if nobody.err != nil {
		return fmt.Errorf("attack: the operator's listener, Target.OperatorURL, can't be reached: %w", nobody.err)
	}
	if refuses := nobody.is(http.StatusUnauthorized) && strings.Contains(nobody.header.Get("WWW-Authenticate"), `realm="operator"`); !refuses && !listsTenants(nobody) {
		return fmt.Errorf("attack: Target.OperatorURL does not answer as an operator's listener: GET /v1/tenants without a key is %s, and not its 401", nobody)
	}
	if r.token = c.OperatorKey; r.token == "" {
		return nil
	}
	if got := c.sendTo(ctx, c.OperatorURL, r); !listsTenants(got) {
		return fmt.Errorf("attack: Target.OperatorKey is not good at Target.OperatorURL: GET /v1/tenants is answered with %s", got)
	}
	return nil
}

// listsTenants tells whether an answer is the operator's list of tenants.
func listsTenants(got answer) bool {
	_, isList := got.property("items").([]any)
	return got.is(http.StatusOK) && isList
}
