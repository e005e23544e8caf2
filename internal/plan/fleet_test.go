package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const baseTenant = `
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := now(); RETURN NEW; END $$;
CREATE TABLE users (
	id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
	name text NOT NULL,
	nick varchar(20),
	age smallint,
	feeling mood NOT NULL DEFAULT 'good',
	touched timestamptz
);
CREATE VIEW people AS SELECT id, name, age FROM users;
CREATE VIEW elders AS SELECT name FROM people WHERE age > 60;
CREATE TRIGGER users_touch BEFORE UPDATE OF feeling ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 41';
`

// changed is baseTenant with texts in place of others: old, new, old, new ...
func changed(texts ...string) string { return strings.NewReplacer(texts...).Replace(baseTenant) }

// TestPlans plans, certifies and reverses one change each. Of the statements it
// looks at the first lines, and not at grants.
func TestPlans(t *testing.T) {
	t.Parallel()
	dropViews, makeViews := []string{"DROP VIEW elders", "DROP VIEW people"}, []string{"CREATE VIEW people AS", "CREATE VIEW elders AS"}
	for name, c := range map[string]struct {
		to           string
		policy       atlas.Policy
		steps        []string
		reverse      []string
		losses       []string
		irreversible string
	}{
		"add a column": {
			to:      changed("nick varchar(20),", "nick varchar(20), email text,"),
			steps:   []string{`ALTER TABLE "users" ADD COLUMN "email" text NULL`},
			reverse: []string{`ALTER TABLE "users" DROP COLUMN "email"`},
			losses:  []string{"column users.email and its values"},
		},
		"add an index": {
			to:      baseTenant + "CREATE INDEX users_age_idx ON users (age) WHERE age > 1;",
			steps:   []string{`CREATE INDEX "users_age_idx" ON "users" ("age") WHERE (age > 1)`},
			reverse: []string{`DROP INDEX "users_age_idx"`},
		},
		"add an index concurrently": {
			to:     changed("nick varchar(20),", "nick varchar(20), email text,") + "CREATE INDEX users_email_idx ON users (email);",
			policy: atlas.Policy{ConcurrentIndex: atlas.ConcurrentIndex{Create: true, Drop: true}},
			steps: []string{
				`ALTER TABLE "users" ADD COLUMN "email" text NULL`,
				"-- outside", `CREATE INDEX CONCURRENTLY "users_email_idx" ON "users" ("email")`,
			},
			reverse: []string{`ALTER TABLE "users" DROP COLUMN "email"`},
			losses:  []string{"column users.email and its values"},
		},
		"drop a column with a view": {
			to:      changed("age smallint,", "", ", age FROM", " FROM", "CREATE VIEW elders AS SELECT name FROM people WHERE age > 60;", ""),
			steps:   append(dropViews, `ALTER TABLE "users" DROP COLUMN "age"`, "CREATE VIEW people AS"),
			reverse: []string{`ALTER TABLE "users" ADD COLUMN "age" smallint NULL`, "CREATE OR REPLACE VIEW people AS", "CREATE VIEW elders AS"},
			losses:  []string{"the values of column users.age, which comes back empty"},
		},
		"change a type under views": {
			to:      changed("age smallint,", "age integer,"),
			steps:   slices.Concat(dropViews, []string{`ALTER TABLE "users" ALTER COLUMN "age" TYPE integer`}, makeViews),
			reverse: slices.Concat(dropViews, []string{`ALTER TABLE "users" ALTER COLUMN "age" TYPE smallint`}, makeViews),
			losses:  []string{"values of column users.age that don't fit when it goes from integer to smallint, or the way back where those make it fail"},
		},
		"change a type under a trigger": {
			to: changed("feeling mood NOT", "feeling text NOT"),
			steps: []string{
				"DROP TRIGGER users_touch ON users",
				`ALTER TABLE "users" ALTER COLUMN "feeling" DROP DEFAULT, ALTER COLUMN "feeling" TYPE text USING "feeling"::text, ALTER COLUMN "feeling" SET DEFAULT 'good'`,
				"CREATE TRIGGER users_touch BEFORE UPDATE OF feeling ON users FOR EACH ROW EXECUTE FUNCTION touch()",
			},
			reverse: []string{
				"DROP TRIGGER users_touch ON users",
				`ALTER TABLE "users" ALTER COLUMN "feeling" DROP DEFAULT, ALTER COLUMN "feeling" TYPE "mood" USING "feeling"::mood, ALTER COLUMN "feeling" SET DEFAULT 'good'`,
				"CREATE TRIGGER users_touch BEFORE UPDATE OF feeling ON users FOR EACH ROW EXECUTE FUNCTION touch()",
			},
			losses: []string{"values of column users.feeling that don't fit when it goes from text to mood, or the way back where those make it fail"},
		},
		"use a new enum value as default": {
			to:           changed("'good', 'bad'", "'good', 'calm', 'bad'", "DEFAULT 'good'", "DEFAULT 'calm'"),
			steps:        []string{`ALTER TYPE "mood" ADD VALUE 'calm' AFTER 'good'`, "-- transaction", `ALTER TABLE "users" ALTER COLUMN "feeling" SET DEFAULT 'calm'`},
			irreversible: "can't drop values of an enum",
		},
		"add a table": {
			to: baseTenant + `
				CREATE TABLE notes (
					id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT notes_pkey PRIMARY KEY,
					user_id bigint NOT NULL CONSTRAINT notes_user_fkey REFERENCES users (id) ON DELETE CASCADE,
					body text NOT NULL, touched timestamptz, CONSTRAINT notes_body_check CHECK (body <> ''));
				CREATE INDEX notes_user_idx ON notes (user_id);
				COMMENT ON TABLE notes IS 'What was noted.';
				CREATE TRIGGER notes_touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch();`,
			steps: []string{
				"CREATE TABLE notes (", "CREATE INDEX notes_user_idx ON notes USING btree (user_id)",
				"ALTER TABLE notes ADD CONSTRAINT notes_pkey PRIMARY KEY (id)", "ALTER TABLE notes ADD CONSTRAINT notes_body_check CHECK ((body <> ''::text))",
				"ALTER TABLE notes ADD CONSTRAINT notes_user_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE",
				"CREATE TRIGGER notes_touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION touch()", "COMMENT ON TABLE notes IS 'What was noted.'",
			},
			reverse: []string{`DROP TABLE "notes"`},
			losses:  []string{"table notes and its rows"},
		},
		"add a table that needs a function": {
			to: baseTenant + `
				CREATE FUNCTION question() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'why' $$;
				CREATE TABLE questions (body text NOT NULL DEFAULT question(), CONSTRAINT questions_check CHECK (body <> question()));
				CREATE VIEW asked AS SELECT body FROM questions;
				CREATE FUNCTION asked_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM asked';`,
			steps: []string{
				"CREATE TABLE questions (", "CREATE OR REPLACE FUNCTION question()",
				"ALTER TABLE questions ADD CONSTRAINT questions_check CHECK ((body <> question()))", "CREATE VIEW asked AS",
				"ALTER TABLE questions ALTER COLUMN body SET DEFAULT question()", "CREATE OR REPLACE FUNCTION asked_count()",
			},
			reverse: []string{"DROP VIEW asked", `DROP TABLE "questions"`, "DROP FUNCTION question()", "DROP FUNCTION asked_count()"},
			losses:  []string{"table questions and its rows"},
		},
		"change a function's body": {
			to:      changed("SELECT 41", "SELECT 42"),
			steps:   []string{"CREATE OR REPLACE FUNCTION answer()"},
			reverse: []string{"CREATE OR REPLACE FUNCTION answer()"},
		},
		"change a function's type": {
			to:      changed("int LANGUAGE sql AS 'SELECT 41'", "bigint LANGUAGE sql AS 'SELECT 41::bigint'"),
			steps:   []string{"DROP FUNCTION answer()", "CREATE OR REPLACE FUNCTION answer()"},
			reverse: []string{"DROP FUNCTION answer()", "CREATE OR REPLACE FUNCTION answer()"},
		},
		"add a column to a view": {
			to:      changed("name, age FROM users", "name, age, nick FROM users"),
			steps:   []string{"CREATE OR REPLACE VIEW people AS"},
			reverse: slices.Concat(dropViews, makeViews),
		},
		"add NOT NULL": {
			to:      changed("nick varchar(20)", "nick varchar(20) NOT NULL DEFAULT ''"),
			steps:   []string{`ALTER TABLE "users" ALTER COLUMN "nick" SET NOT NULL, ALTER COLUMN "nick" SET DEFAULT ''`},
			reverse: []string{`ALTER TABLE "users" ALTER COLUMN "nick" DROP NOT NULL, ALTER COLUMN "nick" DROP DEFAULT`},
		},
		"add a policy": {
			to:      baseTenant + "ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON users USING (name = current_user);",
			steps:   []string{"ALTER TABLE users ENABLE ROW LEVEL SECURITY", "CREATE POLICY own ON users FOR ALL TO PUBLIC USING ((name = CURRENT_USER))"},
			reverse: []string{"DROP POLICY own ON users", "ALTER TABLE users DISABLE ROW LEVEL SECURITY"},
		},
		"grant": {
			to:      baseTenant + "GRANT SELECT ON people TO PUBLIC;",
			steps:   []string{"GRANT SELECT ON TABLE people TO PUBLIC"},
			reverse: []string{"REVOKE SELECT ON TABLE people FROM PUBLIC"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := fleetOf(t, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: baseTenant})
			in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: c.to})
			in.Policy = map[plan.Scope]atlas.Policy{plan.Tenant: c.policy}
			p := onlyPlan(t, in)
			for _, r := range p.Refused {
				t.Error(r)
			}
			if diff := cmp.Diff(c.steps, brief(p.Steps)); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.reverse, brief(p.Reverse)); diff != "" {
				t.Errorf("reverse (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.losses, p.Losses); diff != "" {
				t.Errorf("losses (-want +got):\n%s", diff)
			}
			if !strings.Contains(p.Irreversible, c.irreversible) || (p.Irreversible == "") != (c.irreversible == "") {
				t.Errorf("irreversible: %q, want %q", p.Irreversible, c.irreversible)
			}
		})
	}
}

// brief lists the statements of all steps but grants to the tenant, and between
// two steps the kind of the next.
func brief(steps []plan.Step) []string {
	var list []string
	for i, s := range steps {
		if i > 0 || s.Kind != plan.InTransaction {
			list = append(list, "-- "+string(s.Kind))
		}
		for _, statement := range s.Statements {
			if first, _, _ := strings.Cut(statement, "\n"); !strings.Contains(first, "$tenant") && !strings.HasPrefix(first, "REVOKE EXECUTE") {
				list = append(list, first)
			}
		}
	}
	return list
}

// fleetOf makes a database with two tenants.
func fleetOf(t *testing.T, schema catalog.Schema) *tenanttest.DB {
	t.Helper()
	return tenanttest.New(t, tenanttest.Options{Schema: schema})
}

// onlyPlan plans a fleet whose tenants are all in one state, and whose public
// schema is in the desired one.
func onlyPlan(t *testing.T, in plan.Input) *plan.Plan {
	t.Helper()
	f, err := plan.NewFleet(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.States) != 2 || f.States[0].Plan != nil || f.States[1].Plan == nil || len(f.States[1].Slugs) != len(in.Tenants) {
		t.Fatalf("%+v", f.States)
	}
	return f.States[1].Plan
}
