// Package identity finds out whom a request comes from: it verifies OpenID
// Connect access tokens and API keys, and says what a project has to tell of its
// members.
//
// What it finds is not yet permission: package tenant/service holds the tenant
// of a token against that of the request, asks the project's [Members], and
// leaves to tenant/rest what an operation wants.
//
// It imports the standard library, go-jose, golang.org/x/sync, and packages tenant,
// tenant/keyring and tenant/outbound.
package identity

import (
	"context"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Member is somebody who belongs to a tenant.
type Member struct {
	// Subject is who it is, as rest.Subject will say: of a token's member what the
	// token says, of a key's member what a token of the same user would say.
	Subject string
	// Scopes are what the member may do, by the names that the document's
	// `security` uses.
	Scopes []string
}

// Key is what a project keeps of an API key that is good: neither revoked nor
// expired, and of a user who is still a member.
type Key struct {
	// Member is whose key it is. Its scopes are those of the key which the user
	// still has.
	Member

	// ID is the project's own, by which [Members.KeyUsed] finds it again.
	ID string
	// Hash is [APIKey.Hash]. The secret is not kept.
	Hash []byte
	// CreatedAt is when it was made: a key from before its tenant's not_before is
	// dead.
	CreatedAt time.Time
	// LastUsed is what KeyUsed noted last; zero when it never did.
	LastUsed time.Time
}

// Members says who belongs to a tenant. A project implements it on its own
// tables; each method is asked with a querier of the request's tenant, at each
// request, and should take one round trip. Its errors are *tenant.Error, as
// queries have them; they end the request.
type Members interface {
	// Member finds a member by a token's subject. CodeNotFound says that the
	// subject is none, or no longer: the answer is 403.
	Member(ctx context.Context, q *tenant.Querier, subject string) (Member, error)
	// Key finds a key by its public part, such as "bw_6qkz...". CodeNotFound says
	// that there is no good one: the answer is 401. The secret has not been looked
	// at yet.
	Key(ctx context.Context, q *tenant.Querier, prefix string) (Key, error)
	// KeyUsed notes that a key was used just now. It is called once the secret has
	// been found right, and at most once a minute for each key and each server.
	KeyUsed(ctx context.Context, q *tenant.Querier, key Key) error
}
