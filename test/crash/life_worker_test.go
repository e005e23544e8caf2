//go:build linux || darwin || freebsd

package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// lifeEnv makes the test binary a process that takes one step in a tenant's life.
const lifeEnv = "CRASH_TEST_LIFE"

const (
	lifeProcess = "crash-test"
	readyLine   = "ready"
	hookName    = "outside"
	grace       = time.Hour
)

// life is what such a process is told.
type life struct {
	URL     string
	Control string
	Action  string
	// ID is of the tenant that the step is about, but for a creation.
	ID   tenant.ID
	Slug string // the new one, of a creation or renaming
}

var lifeSchema = catalog.Schema{
	Public: tenanttest.PublicSchema,
	Tenant: `
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY, email text NOT NULL);
CREATE TABLE items (id bigint CONSTRAINT items_pkey PRIMARY KEY, owner bigint REFERENCES users);
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
`,
	TenantSeed: "INSERT INTO users (email) SELECT current_setting('bailiwick.owner_email', true)",
}

func openLife(ctx context.Context, url string, tell func(ctx context.Context, line string) error) (*catalog.Catalog, error) {
	return catalog.Open(ctx, catalog.Config{
		URL: url, RuntimeRole: devpg.RuntimeRole, Schema: lifeSchema,
		Hooks: []catalog.Hook{{
			Name:   hookName,
			Before: func(ctx context.Context, e catalog.Event) error { return tell(ctx, "before "+e.Action) },
			After:  func(ctx context.Context, e catalog.Event) error { return tell(ctx, afterLine(e.Action, e.Tenant.ID)) },
		}},
	})
}

func afterLine(action string, id tenant.ID) string { return "after " + action + " " + id.String() }

func beLife(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var l life
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	c, err := openLife(ctx, l.URL, func(ctx context.Context, line string) error { return say(ctx, l.Control, line) })
	if err != nil {
		return err
	}
	defer c.Close()
	if err := say(ctx, l.Control, readyLine); err != nil {
		return err
	}
	_, err = l.take(ctx, c)
	return err
}

// take takes the step, and may be called again until it succeeds.
func (l life) take(ctx context.Context, c *catalog.Catalog) (catalog.Record, error) {
	ref := catalog.Ref{ID: l.ID}
	switch l.Action {
	case catalog.ActionCreate:
		t, err := c.Create(ctx, catalog.CreateParams{Slug: l.Slug, OwnerEmail: "owner@" + l.Slug + ".example", Key: "key of " + l.Slug})
		if err != nil {
			return catalog.Record{}, err
		}
		return c.Find(ctx, catalog.Ref{ID: t.ID})
	case catalog.ActionRename:
		return c.Rename(ctx, ref, l.Slug)
	case catalog.ActionOffboard:
		return c.Offboard(ctx, ref, catalog.OffboardParams{Grace: grace})
	case catalog.ActionPurge:
		return c.Purge(ctx, ref, catalog.PurgeParams{Early: true})
	}
	return catalog.Record{}, fmt.Errorf("there is no step %q", l.Action)
}
