package catalog

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// MadeBy returns the tenant that was made with an idempotency key, whatever has
// become of it since. There being none is CodeNotFound.
func (c *Catalog) MadeBy(ctx context.Context, key string) (Record, error) {
	r, err := readRecord(ctx, c.pool, "b.request_key = $1", key)
	if errors.Is(err, pgx.ErrNoRows) {
		return Record{}, failf(tenant.CodeNotFound, "no tenant was made with the key %s", key)
	}
	return r, wrap(notInstalled(err), "find the tenant that was made with the key "+key)
}
