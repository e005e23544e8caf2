package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// DropEvent deletes an event that a webhook has taken in and that is not applied,
// by the sender's id, and notes that in the audit. Sent once more, it is taken in
// again. Where there is no such event, that is CodeNotFound.
func (c *Catalog) DropEvent(ctx context.Context, id string) error {
	err := c.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "DELETE FROM bailiwick.inbox WHERE id = $1 AND done_at IS NULL", id)
		if err == nil && tag.RowsAffected() == 0 {
			return failf(tenant.CodeNotFound, "there is no event %q that is not applied", id)
		}
		if err == nil {
			err = c.Note(ctx, tx, ActionDropEvent, tenant.ID{}, map[string]string{"event": id})
		}
		return err
	})
	return wrap(notInstalled(err), "drop event "+id)
}
