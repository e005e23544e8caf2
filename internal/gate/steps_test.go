package gate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/gate"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// one is the only plan file.
type one struct{ plan.Plan }

func (f one) From(scope plan.Scope, from string) []*plan.Plan {
	if own := f.Plan; scope == own.Scope && from == own.From {
		return []*plan.Plan{&own}
	}
	return nil
}

const notes = "CREATE TABLE notes (id int CONSTRAINT notes_pkey PRIMARY KEY, body text, twice text GENERATED ALWAYS AS (body || body) STORED); CREATE VIEW bodies AS SELECT id, body FROM notes;"

// TestSteps asks a running release of each state that steps lead through, when they
// are planned and when they are ahead.
func TestSteps(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: notes}})
	tenants, err := db.Catalog.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	schema := db.Tenants[0].Schema()
	const size, fill = "ALTER TABLE notes ADD COLUMN size int", "UPDATE notes SET body = old_body WHERE id BETWEEN $1 AND $2"
	const away, come, drop = "ALTER TABLE notes RENAME COLUMN body TO old_body", "ALTER TABLE notes ADD COLUMN body text", "ALTER TABLE notes DROP COLUMN old_body CASCADE"
	const remake = "ALTER TABLE notes DROP COLUMN IF EXISTS twice; ALTER TABLE notes ADD COLUMN twice text GENERATED ALWAYS AS (body || body) STORED"
	const view = remake + `; CREATE OR REPLACE VIEW bodies AS SELECT id, body FROM notes; GRANT SELECT, INSERT, UPDATE, DELETE ON bodies TO "$tenant"`
	for name, c := range map[string]struct {
		query  string
		column string
		steps  []string
		want   string
	}{
		"missing":         {"SELECT body FROM notes", "text", []string{size, away, come, fill, drop + "; " + view}, `after step 2 of 5 it breaks query Q of release shop 1, which is running (r, seen`},
		"replaced":        {"SELECT body FROM notes", "text", []string{size, away + "; " + come, fill, drop + "; " + view}, "after step 2 of 4 it breaks query Q of release shop 1, which is running (r, seen"},
		"what replaced":   {"SELECT body FROM notes", "text", []string{away + "; " + come, fill, drop + "; " + view + "; " + size}, "another column takes the name of notes.body, which it uses, before the plan is done; expand and contract"},
		"written":         {"UPDATE notes SET body = 'x'", "", []string{away + "; " + come, fill, drop + "; " + view + "; " + size}, "another column takes the name of notes.body"},
		"below a view":    {"SELECT body FROM bodies", "text", []string{away + "; " + come + "; DROP VIEW bodies; CREATE VIEW bodies AS SELECT id, body FROM notes; GRANT SELECT, INSERT, UPDATE, DELETE ON bodies TO \"$tenant\"", fill, drop + "; " + view + "; " + size}, "another column takes the name of notes.body"},
		"of no concern":   {"SELECT id FROM notes", "int4 NOT NULL", []string{away, come, fill, drop + "; " + view + "; " + size}, ""},
		"in the last one": {"SELECT body FROM notes", "text", []string{size, away + "; " + come + "; UPDATE notes SET body = old_body; " + drop + "; " + view}, ""},
		"generated":       {"SELECT twice FROM notes", "text", []string{remake, size}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statement := tenant.Statement{Name: "Q", SQL: c.query}
			if c.column != "" {
				statement.Columns = []string{c.column}
			}
			releases := []gate.Release{{ID: "r", Name: "shop", Version: "1", Expires: time.Now(), Statements: tenant.Statements{Tenant: []tenant.Statement{statement}}}}
			in := plan.Input{
				URL: db.OwnerURL, RuntimeRole: devpg.RuntimeRole, Tenants: tenants, Gate: gate.Hook(releases),
				Public: []lint.File{{Name: "schema/public.sql", Text: tenanttest.PublicSchema}},
				Tenant: []lint.File{{Name: "schema/tenant.sql", Text: strings.Replace(notes, "body text,", "body text, size int,", 1)}},
			}
			targets, err := plan.Desired(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			file := plan.Plan{Scope: plan.Tenant, From: stateOf(t, db, schema), To: targets[plan.Tenant].Fingerprint, Source: "schema/plans/x.sql", Irreversible: "it is a test"}
			for _, s := range c.steps {
				step := plan.Step{Kind: plan.InTransaction, Statements: strings.Split(s, "; ")}
				if s == fill {
					step.Kind, step.Table, step.Key, step.Batch = plan.Backfill, "notes", "id", 10
				}
				file.Steps = append(file.Steps, step)
			}
			in.Files = one{file}
			fleet, err := plan.NewFleet(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			ahead, err := plan.Ask(t.Context(), in, []plan.Ahead{{Scope: plan.Tenant, Schema: schema, Steps: file.Steps}})
			if err != nil {
				t.Fatal(err)
			}
			for what, sentences := range map[string][]string{"refused": fleet.Plans()[0].Refused, "ahead": ahead} {
				if all := strings.Join(sentences, "\n"); !strings.Contains(all, c.want) || (all == "") != (c.want == "") {
					t.Errorf("%s: %q, want %q", what, all, c.want)
				}
			}
		})
	}
}

func stateOf(t *testing.T, db *tenanttest.DB, schema string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	states, err := fingerprint.States(t.Context(), conn, []string{schema})
	if err != nil {
		t.Fatal(err)
	}
	return states[schema].Fingerprint
}
