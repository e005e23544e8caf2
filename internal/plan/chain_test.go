package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// What tenants went through: nick became handle, and then handle was split off
// into a table of its own.
var (
	renamedTenant = changed("nick varchar(20)", "handle varchar(20)")
	splitTenant   = changed("	nick varchar(20),\n", "") + "CREATE TABLE handles (user_id bigint CONSTRAINT handles_pkey PRIMARY KEY, handle text NOT NULL);"
	withEmail     = strings.NewReplacer("age smallint,", "age smallint, email text,")
)

const (
	renameIt = "ALTER TABLE users RENAME COLUMN nick TO handle"
	nameBack = "ALTER TABLE users RENAME COLUMN handle TO nick"
)

// fingerprintOf is what tenants of a schema have.
func fingerprintOf(t *testing.T, in plan.Input, tenant string) string {
	t.Helper()
	in.Tenant = slices.Clone(in.Tenant)
	in.Tenant[0].Text = tenant
	targets, err := plan.Desired(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return targets[plan.Tenant].Fingerprint
}

// file is a plan file of one step.
func file(name, from, to, statement, back string) *plan.Plan {
	return &plan.Plan{
		Scope: plan.Tenant, From: from, To: to, Source: "schema/plans/" + name + ".sql",
		Steps:   []plan.Step{{Kind: plan.InTransaction, Statements: []string{statement}}},
		Reverse: []plan.Step{{Kind: plan.InTransaction, Statements: []string{back}}},
	}
}

// TestChain plans for tenants that have missed what plan files say, since when the
// desired state has moved on.
func TestChain(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant})
	base := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant})
	a := states(t, db)[db.Tenants[0].Schema()].Fingerprint
	b, c := fingerprintOf(t, base, renamedTenant), fingerprintOf(t, base, splitTenant)
	const splitIt = `CREATE TABLE handles (user_id bigint CONSTRAINT handles_pkey PRIMARY KEY, handle text NOT NULL);
		GRANT SELECT, INSERT, UPDATE, DELETE ON handles TO "$tenant"; INSERT INTO handles SELECT id, handle FROM users WHERE handle IS NOT NULL; ALTER TABLE users DROP COLUMN handle`
	const joinIt = `ALTER TABLE users ADD COLUMN handle varchar(20); UPDATE users SET handle = h.handle FROM handles AS h WHERE h.user_id = id; DROP TABLE handles`
	rename, split := file("rename", a, b, renameIt, nameBack), file("split", b, c, splitIt, joinIt)
	const addEmail, dropEmail = `ALTER TABLE "users" ADD COLUMN "email" text NULL`, `ALTER TABLE "users" DROP COLUMN "email"`
	const joinFirst = "ALTER TABLE users ADD COLUMN handle varchar(20); UPDATE users SET handle = h.handle FROM handles AS h WHERE h.user_id = id; DROP TABLE handles"
	splitFirst, _, _ := strings.Cut(splitIt, "\n")
	for name, want := range map[string]struct {
		to                     string
		files                  files
		source                 string
		steps, reverse, losses []string
		destroys, refused      string
	}{
		"a file and the rest": {
			to: withEmail.Replace(renamedTenant), files: files{rename}, source: rename.Source,
			steps: []string{renameIt, "-- transaction", addEmail}, reverse: []string{dropEmail, "-- transaction", nameBack},
			losses: []string{"column users.email and its values"},
		},
		"files alone": {
			to: splitTenant, files: files{split, rename}, source: rename.Source + ", " + split.Source,
			steps: []string{renameIt, "-- transaction", splitFirst}, reverse: []string{joinFirst, "-- transaction", nameBack},
		},
		"two files and the rest": {
			to: withEmail.Replace(splitTenant), files: files{split, rename}, source: rename.Source + ", " + split.Source,
			steps:   []string{renameIt, "-- transaction", splitFirst, "-- transaction", addEmail},
			reverse: []string{dropEmail, "-- transaction", joinFirst, "-- transaction", nameBack},
			losses:  []string{"column users.email and its values"},
		},
		"no further than is wanted": { // the split was taken back
			to: withEmail.Replace(renamedTenant), files: files{rename, split}, source: rename.Source,
			steps: []string{renameIt, "-- transaction", addEmail}, reverse: []string{dropEmail, "-- transaction", nameBack},
			losses: []string{"column users.email and its values"},
		},
		"not at all": { // so was the rename
			to: withEmail.Replace(baseTenant), files: files{rename, split},
			steps: []string{addEmail}, reverse: []string{dropEmail}, losses: []string{"column users.email and its values"},
		},
		"a shorter way": {
			to: splitTenant, files: files{rename, split, file("direct", a, c, renameIt+";\n"+splitIt, joinIt+"; "+nameBack)}, source: "schema/plans/direct.sql",
			steps: []string{renameIt + ";"}, reverse: []string{joinFirst + "; " + nameBack},
		},
		"what is lost after a file": {
			to: changed("	nick varchar(20),\n", ""), files: files{rename}, source: rename.Source,
			steps: []string{renameIt, "-- transaction", `ALTER TABLE "users" DROP COLUMN "handle"`}, reverse: []string{`ALTER TABLE "users" ADD COLUMN "handle" character varying(20) NULL`, "-- transaction", nameBack},
			losses: []string{"the values of column users.handle, which comes back empty"}, destroys: "column users.handle is dropped with its values",
		},
		"a file that fails": {
			to: withEmail.Replace(renamedTenant), files: files{file("wrong", a, b, nameBack, renameIt)},
			refused: "the plan file schema/plans/wrong.sql fails at " + nameBack,
		},
		"a file that leads elsewhere": {
			to: withEmail.Replace(renamedTenant), files: files{file("wrong", a, b, addEmail, dropEmail)},
			refused: "the plan file schema/plans/wrong.sql leads to f1-",
		},
		"a second file that fails": {
			to: splitTenant, files: files{rename, file("wrong", b, c, renameIt, "")}, source: rename.Source + ", schema/plans/wrong.sql",
			refused: "the plan file schema/plans/wrong.sql fails at " + renameIt,
		},
		"files in a circle": {
			to: withEmail.Replace(renamedTenant), files: files{rename, file("undo", b, a, nameBack, renameIt)}, source: rename.Source,
			steps: []string{renameIt, "-- transaction", addEmail}, reverse: []string{dropEmail, "-- transaction", nameBack},
			losses: []string{"column users.email and its values"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := base
			in.Tenant = slices.Clone(in.Tenant)
			in.Tenant[0].Text, in.Files = want.to, want.files
			p := onlyPlan(t, in)
			if refused := strings.Join(p.Refused, "\n"); !strings.Contains(refused, want.refused) || (refused == "") != (want.refused == "") {
				t.Errorf("refused %q, want %q", refused, want.refused)
			}
			if p.Source != want.source {
				t.Errorf("by %q, want %q", p.Source, want.source)
			}
			if destroys := strings.Join(p.Destroys, "\n"); destroys != want.destroys {
				t.Errorf("destroys %q, want %q", destroys, want.destroys)
			}
			if want.refused != "" {
				return
			}
			for what, lists := range map[string][2][]string{
				"steps": {want.steps, brief(p.Steps)}, "reverse": {want.reverse, brief(p.Reverse)}, "losses": {want.losses, p.Losses},
			} {
				if diff := cmp.Diff(lists[0], lists[1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			if p.Irreversible != "" {
				t.Errorf("irreversible: %s", p.Irreversible)
			}
		})
	}
}

// TestChainOfAFleet has tenants before a plan file and after it, one that somebody
// has changed by hand, and rows that have to get through.
func TestChainOfAFleet(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant}, Tenants: 3})
	in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: withEmail.Replace(renamedTenant)})
	schemas := []string{db.Tenants[0].Schema(), db.Tenants[1].Schema(), db.Tenants[2].Schema()}
	conn := connect(t, db.OwnerURL)
	run := func(schema, sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "SET search_path = "+schema+"; "+sql+"; RESET search_path"); err != nil {
			t.Fatal(err)
		}
	}
	for _, schema := range schemas {
		run(schema, "INSERT INTO users (name, nick) VALUES ('Ann', 'annie')")
	}
	a := states(t, db)[schemas[0]].Fingerprint
	run(schemas[1], renameIt)
	run(schemas[2], "CREATE INDEX by_hand ON users (age)")
	in.Files = files{file("rename", a, states(t, db)[schemas[1]].Fingerprint, renameIt, nameBack)}
	f, err := plan.NewFleet(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.States) != 4 {
		t.Fatalf("%+v", f.States)
	}
	for _, s := range f.States[1:] {
		drifted := s.Schemas[0] == schemas[2]
		if !s.Plan.Certified() || (len(s.Plan.Destroys) > 0) != drifted {
			t.Errorf("%s: refused %q, destroys %q", s.Slugs, s.Plan.Refused, s.Plan.Destroys)
		}
		if drifted {
			continue
		}
		w := plan.World{Conn: conn, Names: plan.Names{Schema: s.Schemas[0], Owner: "bailiwick_owner", Runtime: in.RuntimeRole}}
		if err := plan.Run(t.Context(), w, s.Plan.Steps); err != nil {
			t.Fatal(err)
		}
		run(s.Schemas[0], `DO $$ BEGIN ASSERT (SELECT handle FROM users) = 'annie'; END $$`)
		if got := states(t, db)[s.Schemas[0]].Fingerprint; got != s.Plan.To {
			t.Errorf("%s is at %s, want %s", s.Slugs, got, s.Plan.To)
		}
	}
	notes := strings.Join(f.Notes, "\n")
	for _, want := range []string{
		"column users.nick goes and users.handle comes, which is like it: if this is a rename, write a plan file: `bailiwick schema plan --save`",
		"plan file schema/plans/rename.sql is not for this state, but for that of ",
	} {
		if strings.Count(notes, want) != 1 {
			t.Errorf("%q is not once in the notes:\n%s", want, notes)
		}
	}
}

// TestChainOfPublic goes by a file of the shared schema, below tenants that use it.
func TestChainOfPublic(t *testing.T) {
	t.Parallel()
	db := fleetOf(t, catalog.Schema{Public: sharedPublic, Tenant: sharingTenant})
	renamed := strings.Replace(sharedPublic, "title text", "heading text", 1)
	in := input(t, db, catalog.Schema{Public: renamed, Tenant: sharingTenant})
	targets, err := plan.Desired(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	one := file("heading", states(t, db)["public"].Fingerprint, targets[plan.Public].Fingerprint,
		"ALTER TABLE checks RENAME COLUMN title TO heading", "ALTER TABLE checks RENAME COLUMN heading TO title")
	one.Scope, in.Files = plan.Public, files{one}
	in.Public[0].Text = strings.Replace(renamed, "heading text", "heading text, risk int", 1)
	in.Tenant[0].Text = strings.Replace(sharingTenant, "c.id AS check_id", "c.id AS check_id, c.risk", 1)
	f, err := plan.NewFleet(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Plans() {
		if !p.Certified() || p.Irreversible != "" || len(p.Destroys) > 0 {
			t.Errorf("%s: refused %q, irreversible %q, destroys %q", p.Scope, p.Refused, p.Irreversible, p.Destroys)
		}
	}
	if p := f.States[0].Plan; p.Source != one.Source || p.Rest == nil || len(p.Reverse) != 2 {
		t.Errorf("by %q, then %+v, and back by %+v", p.Source, p.Rest, p.Reverse)
	}
}
