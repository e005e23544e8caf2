package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// A backfill goes along a column in which each row has a value of its own; another
// one is refused when the plan is tried, and not when it is half done.
func TestBackfillKey(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Tenants: 1, Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: `
		CREATE TABLE things (
			id bigint NOT NULL, "the key" text NOT NULL UNIQUE, maybe integer UNIQUE, often integer NOT NULL, pair integer NOT NULL,
			part integer NOT NULL, late integer NOT NULL UNIQUE DEFERRABLE, PRIMARY KEY (id), UNIQUE (pair, often));
		CREATE INDEX things_often ON things (often);
		CREATE UNIQUE INDEX things_part ON things (part) WHERE part > 0;`}})
	w := plan.World{Names: plan.Names{Schema: db.Tenants[0].Schema()}, Conn: connect(t, db.OwnerURL)}
	const null, shared = "may be NULL", "has no unique index of its own"
	for key, want := range map[string]string{
		"id": "", "the key": "", "maybe": null, "often": shared, "pair": shared, "part": shared, "late": shared, "none": "there is no column things.none",
	} {
		step := plan.Step{Kind: plan.Backfill, Table: "things", Key: key, Statements: []string{"DELETE FROM things WHERE id::text BETWEEN $1 AND $2"}}
		err := plan.Run(t.Context(), w, []plan.Step{step})
		_, refused := errors.AsType[*plan.KeyError](err)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", key, err)
		case want != "" && (!refused || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", key, err, want)
		}
	}
}
