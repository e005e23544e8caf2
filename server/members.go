package main

import (
	"context"
	"strconv"

	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
)

// members says who belongs to a tenant: its active users, whom tokens name by their
// address, with the permissions of their roles.
type members struct{}

var _ identity.Members = members{}

// Member implements identity.Members.
func (members) Member(ctx context.Context, q *tenant.Querier, subject string) (identity.Member, error) {
	row, err := tenantdb.New(q).FindMember(ctx, subject)
	if err != nil {
		return identity.Member{}, err
	}
	return identity.Member{Subject: row.Email, Scopes: labels[string](row.Permissions)}, nil
}

// Key implements identity.Members.
func (members) Key(ctx context.Context, q *tenant.Querier, prefix string) (identity.Key, error) {
	row, err := tenantdb.New(q).FindAPIKey(ctx, prefix)
	if err != nil {
		return identity.Key{}, err
	}
	key := identity.Key{
		Member: identity.Member{Subject: row.Email, Scopes: labels[string](row.Permissions)},
		ID:     strconv.FormatInt(row.ID, 10), Hash: row.SecretHash, CreatedAt: row.CreatedAt,
	}
	if row.LastUsedAt != nil {
		key.LastUsed = *row.LastUsedAt
	}
	return key, nil
}

// KeyUsed implements identity.Members.
func (members) KeyUsed(ctx context.Context, q *tenant.Querier, key identity.Key) error {
	id, err := strconv.ParseInt(key.ID, 10, 64)
	if err != nil {
		return err
	}
	return tenantdb.New(q).NoteAPIKeyUse(ctx, id)
}
