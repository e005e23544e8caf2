package catalog

import (
	"cmp"
	"context"

	"github.com/jackc/pgx/v5"
)

// Page is a part of the registry, in the order of slugs.
type Page struct {
	// State limits it to tenants in this state. Empty means any.
	State string
	// After is the last slug of the page before. Empty begins with the first.
	After string
	// Limit is how many tenants there are at most. Zero means 100.
	Limit int
}

// defaultPage is the limit of a page without one.
const defaultPage = 100

// Page returns a part of the registry. It is empty when nothing is left.
func (c *Catalog) Page(ctx context.Context, p Page) ([]Record, error) {
	rows, err := c.pool.Query(ctx, selectRecords+`
		WHERE t.slug > $1 AND ($2 = '' OR t.state::text = $2) ORDER BY t.slug LIMIT $3`, p.After, p.State, cmp.Or(max(p.Limit, 0), defaultPage))
	if err == nil {
		var records []Record
		if records, err = pgx.AppendRows([]Record{}, rows, scanRecord); err == nil {
			return records, nil
		}
	}
	return nil, wrap(notInstalled(err), "list tenants")
}
