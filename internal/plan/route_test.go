package plan_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// files are plans that were written by hand.
type files []*plan.Plan

func (f files) From(scope plan.Scope, from string) (list []*plan.Plan) {
	for _, p := range f {
		if scope == p.Scope && from == p.From {
			own := *p
			list = append(list, &own)
		}
	}
	return list
}

func TestPlanFile(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant})
	in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: changed("nick varchar(20)", "handle varchar(20)")})
	targets, err := plan.Desired(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	file := plan.Plan{
		Scope: plan.Tenant, From: states(t, db)[db.Tenants[0].Schema()].Fingerprint, To: targets[plan.Tenant].Fingerprint, Source: "schema/plans/handle.sql",
		Steps: []plan.Step{
			{Kind: plan.InTransaction, Statements: []string{"ALTER TABLE users RENAME COLUMN nick TO handle"}},
			{Kind: plan.Backfill, Table: "users", Key: "id", Batch: 10, Statements: []string{"UPDATE users SET handle = name WHERE id BETWEEN $1 AND $2"}},
			{Kind: plan.Outside, Statements: []string{"CREATE INDEX CONCURRENTLY users_idx ON users (handle)"}},
			{Kind: plan.Outside, Statements: []string{"DROP INDEX CONCURRENTLY users_idx"}},
		},
		Reverse: []plan.Step{{Kind: plan.InTransaction, Statements: []string{"ALTER TABLE users RENAME COLUMN handle TO nick"}}},
		Losses:  []string{"the old spelling"},
	}
	for name, c := range map[string]struct {
		change       func(f *plan.Plan)
		refused      string
		irreversible string
	}{
		"works": {func(*plan.Plan) {}, "", ""},
		"fails": {func(f *plan.Plan) { f.Steps = f.Reverse }, `the plan file schema/plans/handle.sql fails at ALTER TABLE users RENAME COLUMN handle TO nick: PostgreSQL says "column`, ""},
		"leads elsewhere": {func(f *plan.Plan) {
			f.Steps = f.Steps[1:2:2]
			f.Steps[0].Statements = []string{"UPDATE users SET nick = name WHERE id BETWEEN $1 AND $2"}
		}, "column users.handle is missing", ""},
		"does not lead back": {func(f *plan.Plan) { f.Reverse = f.Steps[:1] }, "schema/plans/handle.sql: the way back fails at ALTER TABLE users RENAME COLUMN nick TO handle", ""},
		"knows no way back":  {func(f *plan.Plan) { f.Reverse, f.Irreversible = nil, "the file gives none" }, "", "the file gives none"},
		"leads back too far": {func(f *plan.Plan) {
			f.Reverse = append(f.Reverse, plan.Step{Kind: plan.InTransaction, Statements: []string{"DROP FUNCTION answer()"}})
		}, "schema/plans/handle.sql: the way back leads to another state", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := file
			f.Steps, f.Reverse = slices.Clone(f.Steps), slices.Clone(f.Reverse)
			c.change(&f)
			in := in
			in.Files = files{&f}
			p := onlyPlan(t, in)
			if refused := strings.Join(p.Refused, "\n"); !strings.Contains(refused, c.refused) || (refused == "") != (c.refused == "") {
				t.Errorf("refused %q, want %q", refused, c.refused)
			}
			if !strings.Contains(p.Irreversible, c.irreversible) || (p.Irreversible == "") != (c.irreversible == "") {
				t.Errorf("irreversible: %q, want %q", p.Irreversible, c.irreversible)
			}
			if p.Source != file.Source || (p.Irreversible == "" && c.refused == "" && !slices.Equal(p.Losses, file.Losses)) {
				t.Errorf("from %q, which loses %q", p.Source, p.Losses)
			}
		})
	}
}

// sharedPublic has what tenants of the tests below refer to.
const sharedPublic = tenanttest.PublicSchema + `
CREATE TABLE public.checks (id text CONSTRAINT checks_pkey PRIMARY KEY, title text);
CREATE TABLE public.levels (id int CONSTRAINT levels_pkey PRIMARY KEY);
GRANT SELECT ON public.checks, public.levels TO PUBLIC;
`

const sharingTenant = `
CREATE TABLE findings (
	id bigint CONSTRAINT findings_pkey PRIMARY KEY,
	level int CONSTRAINT findings_level_fkey REFERENCES public.levels (id)
);
CREATE VIEW titles AS SELECT f.id, c.id AS check_id FROM findings AS f JOIN public.checks AS c ON c.id = f.id::text;
`

// TestOrder has changes of public and the tenants at once.
func TestOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		public, tenant []string // texts that are replaced
		publicFirst    bool
		refused        string
	}{
		"a column for the tenants' view": {
			public:      []string{"title text", "title text, risk int"},
			tenant:      []string{"c.id AS check_id", "c.id AS check_id, c.risk"},
			publicFirst: true,
		},
		"a table that tenants no longer use": {
			public: []string{"CREATE TABLE public.levels (id int CONSTRAINT levels_pkey PRIMARY KEY);", "", ", public.levels", ""},
			tenant: []string{"level int CONSTRAINT findings_level_fkey REFERENCES public.levels (id)", "level int"},
		},
		"both": {
			public: []string{
				"title text", "title text, risk int",
				"CREATE TABLE public.levels (id int CONSTRAINT levels_pkey PRIMARY KEY);", "", ", public.levels", "",
			},
			tenant: []string{
				"c.id AS check_id", "c.id AS check_id, c.risk",
				"level int CONSTRAINT findings_level_fkey REFERENCES public.levels (id)", "level int",
			},
			publicFirst: true,
			refused:     "split the change",
		},
		"public alone":         {public: []string{"title text", "title text NOT NULL"}, publicFirst: true},
		"public under tenants": {public: []string{"checks_pkey PRIMARY KEY, title text", "checks_pkey PRIMARY KEY"}, publicFirst: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := fleetOf(t, catalog.Schema{Public: sharedPublic, Tenant: sharingTenant})
			want := catalog.Schema{
				Public: strings.NewReplacer(c.public...).Replace(sharedPublic),
				Tenant: strings.NewReplacer(c.tenant...).Replace(sharingTenant),
			}
			in := input(t, db, want)
			f, err := plan.NewFleet(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			var refused []string
			for _, p := range f.Plans() {
				refused = append(refused, p.Refused...)
				if c.refused == "" && (len(p.Reverse) == 0 || p.Irreversible != "") {
					t.Errorf("%s has no way back: %s", p.Scope, p.Irreversible)
				}
			}
			text := strings.Join(refused, "\n")
			if f.PublicFirst != c.publicFirst || !strings.Contains(text, c.refused) || (text == "") != (c.refused == "") {
				t.Errorf("public first: %v, refused: %s", f.PublicFirst, text)
			}
		})
	}
}

// TestGate asks the gate once for each change that a schema lives through.
func TestGate(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: sharedPublic, Tenant: sharingTenant})
	in := input(t, db, catalog.Schema{
		Public: strings.Replace(sharedPublic, "title text", "title text, risk int", 1),
		Tenant: strings.Replace(sharingTenant, "c.id AS check_id", "c.id AS check_id, c.risk", 1),
	})
	var mu sync.Mutex
	var asked []string
	in.Gate = func(ctx context.Context, scope plan.Scope, from plan.World) (plan.Asked, error) {
		columns := func(ctx context.Context, w plan.World) (text string, err error) {
			err = w.Conn.QueryRow(ctx, `
				SELECT (SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'checks')
				       || '/' || (SELECT count(*) FROM information_schema.columns WHERE table_schema = $1 AND table_name = 'titles')`, w.Schema).Scan(&text)
			return text, err
		}
		before, err := columns(ctx, from)
		return func(ctx context.Context, to plan.World, _ bool) ([]string, error) {
			after, err := columns(ctx, to)
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, string(scope)+" "+before+" "+after)
			if after == "3/3" {
				return []string{"it breaks"}, err
			}
			return nil, err
		}, err
	}
	f, err := plan.NewFleet(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"public 2/0 3/0", "tenant 2/2 3/2", "tenant 2/2 3/3"}
	if diff := cmp.Diff(want, asked[:3]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.States[1].Plan.Refused; !slices.Equal(got, []string{"it breaks"}) {
		t.Errorf("refused: %q", got)
	}
}
