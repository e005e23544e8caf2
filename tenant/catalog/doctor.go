package catalog

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Trouble is something about tenants that is not as it should be.
type Trouble struct {
	// Kind is one of the constants Trouble...
	Kind string `json:"kind"`
	// Schema is the tenant's, also where the registry has no such tenant; Slug is
	// empty there. Both are empty for what is of no single tenant.
	Schema string `json:"schema"`
	Slug   string `json:"slug,omitempty"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Mend says what to do about it; when Mendable, what [Catalog.Mend] does.
	Mend     string `json:"mend"`
	Mendable bool   `json:"mendable"`
}

// The kinds of trouble.
const (
	// TroubleOrphanSchema is a schema of a tenant that the registry does not have.
	TroubleOrphanSchema = "orphan-schema"
	// TroubleOrphanRole is such a role, which nothing in any database refers to.
	TroubleOrphanRole = "orphan-role"
	// TroubleProvisioning is a tenant that was not made to its end.
	TroubleProvisioning = "provisioning"
	// TroubleNoSchema, TroubleNoRole, TroubleNoMembership and TroubleNoGrants are
	// of tenants that lack what the service needs to work for them.
	TroubleNoSchema     = "no-schema"
	TroubleNoRole       = "no-role"
	TroubleNoMembership = "no-membership"
	TroubleNoGrants     = "no-grants"
	// TroubleNoLife is a tenant that Bailiwick's own tables don't know.
	TroubleNoLife = "no-life"
	// TroubleLookalike is a tenant whose slug looks like another one's.
	TroubleLookalike = "lookalike"
	// TroubleRemains is what is left of a purged tenant.
	TroubleRemains = "remains"
	// TroubleStrayRows are custom domains and issuers of no living tenant.
	TroubleStrayRows = "stray-rows"
	// TroubleOverdue is an offboarded tenant whose grace has ended.
	TroubleOverdue = "overdue"
	// TroubleBehind is a tenant that has missed rollouts.
	TroubleBehind = "behind"
	// TroubleUndelivered are events that a hook has failed to take in, or that
	// nobody delivers.
	TroubleUndelivered = "undelivered"
	// TroubleWaitingSignups are confirmed sign-ups whose tenants nobody makes.
	TroubleWaitingSignups = "waiting-signups"
	// TroubleUnapplied are events of a webhook that can't be applied, or that
	// nobody applies.
	TroubleUnapplied = "unapplied"
)

// late is how long an event may wait for its first attempt.
const late = 5 * time.Minute

// Doctor looks for trouble in the registry, the schemas and roles of tenants,
// the outbox and the inbox. It changes nothing. Schemas that Bailiwick has not made, whatever
// their name, are none of its business.
func (c *Catalog) Doctor(ctx context.Context) ([]Trouble, error) {
	var all []Trouble
	for _, check := range checks {
		found, err := c.find(ctx, c.pool, check)
		if err != nil {
			return nil, wrap(notInstalled(err), "look for tenants with "+check.kind)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c *Catalog) find(ctx context.Context, q querier, check check) ([]Trouble, error) {
	rows, err := q.Query(ctx, common+check.sql+"\n) SELECT schema, slug, message, mendable FROM found ORDER BY slug, schema, message",
		c.config.RuntimeRole, c.told(), late.Seconds(), metaRuntime)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Trouble, error) {
		t := Trouble{Kind: check.kind}
		err := row.Scan(&t.Schema, &t.Slug, &t.Message, &t.Mendable)
		t.Mend = check.byHand
		if t.Mendable {
			t.Mend = check.mend
		}
		t.Mend = strings.NewReplacer("{schema}", t.Schema, "{slug}", t.Slug).Replace(t.Mend)
		return t, err
	})
}

// Mend mends a trouble that is Mendable, in one transaction, and notes that in the
// audit. Trouble that is gone meanwhile is mended. Whatever may lose data, or has
// two ways out, is not Mendable and CodeInvalid.
func (c *Catalog) Mend(ctx context.Context, t Trouble) error {
	for _, check := range checks {
		if check.kind == t.Kind && check.heal != nil && t.Mendable {
			return wrap(notInstalled(c.mend(ctx, check, t)), "mend "+t.Kind+" of "+t.Schema)
		}
	}
	return failf(tenant.CodeInvalid, "%s of %s can't be mended by itself: %s", t.Kind, t.Schema, t.Mend)
}

func (c *Catalog) mend(ctx context.Context, check check, t Trouble) error {
	id, err := idOf(t.Schema)
	if err != nil {
		return err
	}
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		var free bool
		if err := tx.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_xact_lock($1)", SchemaLock(t.Schema)).Scan(&free); err != nil {
			return err
		}
		if !free {
			return &tenant.Error{Code: tenant.CodeTimeout, Err: errAtWork}
		}
		found, err := c.find(ctx, tx, check)
		if err != nil {
			return err
		}
		for _, still := range found {
			if !still.Mendable || still.Schema != t.Schema {
				continue
			}
			if err := check.heal(ctx, c, tx, id); err != nil {
				return err
			}
			return c.Note(ctx, tx, ActionMend, id, map[string]string{"kind": t.Kind, "message": still.Message})
		}
		return nil
	})
	if err == nil && check.kind == TroubleUndelivered {
		_, err = c.deliver(ctx, &id)
	}
	return err
}

// idOf is the id that a schema is named from.
func idOf(schema string) (tenant.ID, error) {
	hex, ok := strings.CutPrefix(schema, "t_")
	if !ok || len(hex) != 32 {
		return tenant.ID{}, failf(tenant.CodeInvalid, "%q is no schema of a tenant", schema)
	}
	return tenant.ParseID(hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:])
}
