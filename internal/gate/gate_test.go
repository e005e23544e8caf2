package gate_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/gate"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// base is the schema before each change.
const base = `
CREATE TYPE phase AS ENUM ('open', 'closed');
CREATE TABLE users (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, email text NOT NULL UNIQUE, nick text, born date);
CREATE TABLE tasks (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, title text NOT NULL, owner bigint REFERENCES users,
	state phase NOT NULL DEFAULT 'open', weight int NOT NULL DEFAULT 1, note text);
CREATE VIEW open_tasks AS SELECT id, title FROM tasks WHERE state = 'open';
CREATE FUNCTION shout(what text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(what)';
`

// statements are those of the release that is running.
var statements = []tenant.Statement{
	{Name: "GetTask", SQL: "SELECT id, title, weight FROM tasks WHERE id = $1", Params: []string{"int8 NOT NULL"}, Columns: []string{"int8 NOT NULL", "text NOT NULL", "int4 NOT NULL"}},
	{Name: "ListOpen", SQL: "SELECT id, title FROM open_tasks", Columns: []string{"int8", "text"}},
	{Name: "CloseTask", SQL: "UPDATE tasks SET state = 'closed' WHERE id = $1", Params: []string{"int8 NOT NULL"}},
	{Name: "AddTask", SQL: "INSERT INTO tasks (title, owner, note) VALUES ($1, $2, $3)", Params: []string{"text NOT NULL", "int8", "text"}},
	{Name: "CopyUsers", SQL: `INSERT INTO "users" ("email") OVERRIDING SYSTEM VALUE VALUES ($1)`, Params: []string{"text NOT NULL"}},
	{Name: "PutUser", SQL: "INSERT INTO users (email) VALUES ($1) ON CONFLICT (email) DO UPDATE SET nick = $2", Params: []string{"text NOT NULL", "text"}},
	{Name: "Adopt", SQL: "WITH u AS (INSERT INTO users (email) SELECT $1 RETURNING id) UPDATE tasks SET owner = u.id FROM u", Params: []string{"text NOT NULL"}},
	{Name: "Shout", SQL: "SELECT shout(title) FROM tasks", Columns: []string{""}},
	{Name: "Broken", SQL: "SELECT gone FROM tasks"},
}

// worlds are the schema before and after a change, each on its own connection.
type worlds struct {
	urls tenanttest.URLs
}

func (w worlds) world(t *testing.T, sql string) plan.World {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	name := tenant.NewID().SchemaName()
	role := tenant.QuoteIdent(name)
	_, err = conn.Exec(t.Context(), "CREATE ROLE "+role+"; CREATE SCHEMA "+role+"; GRANT USAGE ON SCHEMA "+role+" TO "+role+
		"; ALTER DEFAULT PRIVILEGES IN SCHEMA "+role+" GRANT ALL ON TABLES TO "+role+"; SET search_path = "+role)
	if err == nil {
		_, err = conn.Exec(t.Context(), sql)
	}
	if err == nil {
		_, err = conn.Exec(t.Context(), "RESET search_path")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA "+role+" CASCADE; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	return plan.World{Conn: conn, Names: plan.Names{Schema: name, Owner: "postgres", Runtime: name}}
}

// TestCheck changes the schema in every way that breaks a statement, and in many
// that don't.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := worlds{tenanttest.Database(t)}
	releases := []gate.Release{{ID: "2f3a", Name: "shop", Version: "1.4", Expires: time.Unix(0, 0), Statements: tenant.Statements{Tenant: statements}}}
	for name, c := range map[string]struct {
		change string
		want   map[string]string // What is said of each query that breaks.
	}{
		"nothing":               {"SELECT 1", nil},
		"a column more":         {"ALTER TABLE tasks ADD COLUMN due date", nil},
		"a column with default": {"ALTER TABLE tasks ADD COLUMN due date NOT NULL DEFAULT now()", nil},
		"a label more":          {"ALTER TYPE phase ADD VALUE 'blocked'", nil},
		"an unused column less": {"ALTER TABLE users DROP COLUMN born", nil},
		"a narrower text":       {"DROP VIEW open_tasks; ALTER TABLE tasks ALTER COLUMN title TYPE varchar(90); CREATE VIEW open_tasks AS SELECT id, title FROM tasks", nil},
		"a column dropped":      {"ALTER TABLE tasks DROP COLUMN weight", map[string]string{"GetTask": `column "weight" does not exist (SQLSTATE 42703); expand and contract: add the new beside the old`}},
		"a column renamed":      {"ALTER TABLE users RENAME COLUMN nick TO alias", map[string]string{"PutUser": `column "nick"`}},
		"a table dropped":       {"DROP TABLE users CASCADE", map[string]string{"CopyUsers": "42P01", "PutUser": "42P01", "Adopt": "42P01"}},
		"a view dropped":        {"DROP VIEW open_tasks", map[string]string{"ListOpen": "42P01"}},
		"a function dropped":    {"DROP FUNCTION shout", map[string]string{"Shout": "42883"}},
		"another result":        {"DROP FUNCTION shout; CREATE FUNCTION shout(what text) RETURNS int LANGUAGE sql AS 'SELECT 1'", map[string]string{"Shout": "column 1 would be integer, and is text"}},
		"a wider number":        {"ALTER TABLE tasks ALTER COLUMN weight TYPE bigint", map[string]string{"GetTask": "column weight is int8, and the code reads int4; expand and contract: add a column of the new type"}},
		"a label renamed":       {"ALTER TYPE phase RENAME VALUE 'closed' TO 'done'", map[string]string{"CloseTask": "22P02"}},
		"null results":          {"ALTER TABLE tasks ALTER COLUMN title DROP NOT NULL", map[string]string{"GetTask": "tasks.title can be null, and the code reads it as never null; keep it NOT NULL until"}},
		"a column to fill":      {"ALTER TABLE tasks ADD COLUMN due date NOT NULL", map[string]string{"AddTask": "it does not fill tasks.due, which would be NOT NULL without a default; give the column a DEFAULT"}},
		"a column to copy":      {"ALTER TABLE users ADD COLUMN age int NOT NULL", map[string]string{"CopyUsers": "users.age", "PutUser": "users.age", "Adopt": "users.age"}},
		"a default dropped":     {"ALTER TABLE tasks ALTER COLUMN state DROP DEFAULT", map[string]string{"AddTask": "tasks.state"}},
		"filled by a trigger": {`ALTER TABLE tasks ADD COLUMN due date NOT NULL;
			CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.due := now(); RETURN NEW; END';
			CREATE TRIGGER fill BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION fill()`, nil},
		"null parameters":     {"ALTER TABLE tasks ALTER COLUMN note SET NOT NULL", map[string]string{"AddTask": "it may write NULL to tasks.note, which would be NOT NULL; deploy a release first"}},
		"null in a conflict":  {"ALTER TABLE users ALTER COLUMN nick SET DEFAULT '', ALTER COLUMN nick SET NOT NULL", map[string]string{"PutUser": "NULL to users.nick"}},
		"an arbiter dropped":  {"ALTER TABLE users DROP CONSTRAINT users_email_key", map[string]string{"PutUser": "SQLSTATE 42P10); make the new constraint or index beside the old one"}},
		"an arbiter replaced": {"ALTER TABLE users DROP CONSTRAINT users_email_key; CREATE UNIQUE INDEX users_email ON users (email)", nil},
		"a grant withdrawn":   {"DO $$ BEGIN EXECUTE 'REVOKE UPDATE ON users FROM ' || current_schema(); END $$", map[string]string{"PutUser": "SQLSTATE 42501); keep the grant"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := w.world(t, base), w.world(t, base+c.change)
			check, err := gate.Look(t.Context(), releases, plan.Tenant, from)
			if err != nil {
				t.Fatal(err)
			}
			got, err := check(t.Context(), to, false)
			if err != nil {
				t.Fatal(err)
			}
			var queries, want []string
			for _, b := range got {
				queries = append(queries, b.Query)
				message := b.Message()
				if !strings.HasPrefix(message, "breaks query "+b.Query+" of release shop 1.4, which is running (2f3a, seen until 00:00:00 UTC): ") || !strings.Contains(message, c.want[b.Query]) {
					t.Errorf("%s\nwant %q in it", message, c.want[b.Query])
				}
			}
			for _, s := range statements {
				if _, breaks := c.want[s.Name]; breaks {
					want = append(want, s.Name)
				}
			}
			if diff := cmp.Diff(want, queries); diff != "" {
				t.Errorf("broken queries (-want +got):\n%s", diff)
			}
			for _, world := range []plan.World{from, to} { // As they were.
				var role, path string
				if err := world.Conn.QueryRow(t.Context(), "SELECT current_user, current_setting('search_path')").Scan(&role, &path); err != nil || role == world.Schema || strings.Contains(path, world.Schema) {
					t.Errorf("the world is left with role %s, search_path %s: %v", role, path, err)
				}
			}
		})
	}
}

// TestLive reads what servers have registered, and not those that are gone.
func TestLive(t *testing.T) {
	t.Parallel()
	db := tenanttest.New(t, tenanttest.Options{})
	conn, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	text, err := json.Marshal(tenant.Statements{Tenant: statements[:1]})
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), `INSERT INTO bailiwick.releases (id, name, version, statements, expires_at)
		SELECT id, 'shop', version, $1, now() + expires FROM (VALUES ('a', '2', interval '1 hour'), ('b', '1', '1 hour'), ('c', '0', '-1 second')) AS r (id, version, expires)`, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		except []string
		want   string
	}{{nil, "shop 1, shop 2"}, {[]string{"b"}, "shop 2"}, {[]string{"a", "b"}, ""}} {
		live, err := gate.Live(t.Context(), conn, c.except)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range live {
			names = append(names, r.String())
			if diff := cmp.Diff(statements[:1], r.Statements.Tenant); diff != "" {
				t.Error(diff)
			}
		}
		if got := strings.Join(names, ", "); got != c.want {
			t.Errorf("live: %s, want %s", got, c.want)
		}
	}
	if _, err := gate.Live(t.Context(), conn, []string{"c"}); err == nil || !strings.Contains(err.Error(), `no running release has the id "c"`) {
		t.Error(err)
	}
	if _, err := conn.Exec(t.Context(), "DROP SCHEMA bailiwick CASCADE"); err != nil {
		t.Fatal(err)
	}
	if live, err := gate.Live(t.Context(), conn, nil); err != nil || live != nil {
		t.Errorf("without a ledger: %v, %v", live, err)
	}
}
