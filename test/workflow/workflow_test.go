// Package workflow_test runs the GitHub Actions job that README shows, and that
// a new project has: in a clean clone, with a real PostgreSQL, step by step. Then
// it makes the mistakes that the job is there for, and wants exactly the step to
// fail that is meant for each, with a message that says the mend.
//
// The tests import the standard library, go-cmp, a YAML reader, pgx and
// tenant/tenanttest; the project is made by the tool itself.
package workflow_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// job is the job under test, as GitHub reads it.
const job = "specifications"

type workflow struct {
	Jobs map[string]jobOf
}

type jobOf struct {
	RunsOn  string `yaml:"runs-on"`
	Timeout int    `yaml:"timeout-minutes"`
	Env     map[string]string
	Steps   []step
}

type step struct {
	Name, Uses, Run string
	With, Env       map[string]string
}

// jobIn finds the job in a workflow's text.
func jobIn(t *testing.T, text string) jobOf {
	t.Helper()
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	j, ok := w.Jobs[job]
	if !ok {
		t.Fatalf("there is no job %s in\n%s", job, text)
	}
	return j
}

var workflowBlock = regexp.MustCompile("(?s)```yaml file=\\.github/workflows/\\S+\n(.*?)```")

// TestReadmeShowsTheJob: what README tells to paste is what a new project has.
func TestReadmeShowsTheJob(t *testing.T) {
	t.Parallel()
	block := workflowBlock.FindStringSubmatch(read(t, "../../README.md"))
	if block == nil {
		t.Fatal("README shows no workflow")
	}
	made := jobIn(t, read(t, "../../internal/scaffold/project/.github/workflows/ci.yml.tmpl"))
	if diff := cmp.Diff(made, jobIn(t, block[1])); diff != "" {
		t.Errorf("the job of a new project, and README's (-made +shown):\n%s", diff)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// change is something that somebody does to a project or to its database.
type change struct {
	name string
	// edit changes the clone, sql the database (T is the first tenant's schema);
	// undo is the SQL that takes it back.
	edit      func(*testing.T, *clone)
	sql, undo string
	// fails is the step that has to fail, by a part of its name; empty for none.
	// says is what it has to print.
	fails string
	says  []string
}

var changes = []change{
	{name: "nothing"},
	{
		name: "a column", edit: func(t *testing.T, c *clone) {
			c.replace(t, "schema/tenant.sql", "    due_on      date,\n", "    due_on      date,\n    pinned      boolean     NOT NULL DEFAULT false,\n")
			c.generate(t)
		},
	},
	{
		name: "a breaking change of the API", edit: func(t *testing.T, c *clone) {
			c.replace(t, "openapi.yaml", "/v1/notes/{note_id}:", "/v1/note/{note_id}:")
			c.generate(t)
		},
		fails: "no change breaks a client",
		says:  []string{"openapi.yaml: GET /v1/notes/{note_id} api path removed without deprecation", "mend: keep what clients rely on; or raise info.version, which was 0.1.0, to 0.2.0"},
	},
	{
		name: "a hot fix that nobody wrote down",
		sql:  "ALTER TABLE T.notes ADD COLUMN hot_fix text", undo: "ALTER TABLE T.notes DROP COLUMN hot_fix",
		fails: "drift",
		says:  []string{"1 tenant (acme): 1 difference", "column notes.hot_fix is extra", "next: `bailiwick schema plan`"},
	},
	{
		name: "a change that no tool can plan", edit: func(t *testing.T, c *clone) {
			c.replace(t, "schema/public.sql", "'offboarding', 'purged')", "'offboarding')")
			c.generate(t)
		},
		fails: "every tenant gets there",
		says:  []string{"enum tenant_state: PostgreSQL can't drop values of an enum ('purged')", "write a plan file in schema/plans"},
	},
	{
		name: "a query that was not generated", edit: func(t *testing.T, c *clone) {
			c.replace(t, "queries/tenant/notes.sql", "-- name: GetNote :one\n", "-- name: CountNotes :one\nSELECT count(*) FROM notes;\n\n-- name: GetNote :one\n")
		},
		fails: "gen/",
		says:  []string{"gen/tenantdb", "mend: run `go generate ./...`"},
	},
}

// TestJob makes one change after another, each in a clone of its own, and each
// undone before the next: they share the database, and two cores.
func TestJob(t *testing.T) {
	made := newProject(t)
	db := newDatabase(t, made)
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			clone := made.clone(t, db.URLs)
			if c.edit != nil {
				c.edit(t, clone)
				clone.commit(t)
			}
			db.exec(t, c.sql)
			outcomes := clone.job(t)
			db.exec(t, c.undo)
			var failed []string
			for _, o := range outcomes {
				if o.status != 0 {
					failed = append(failed, o.name)
				}
			}
			switch {
			case c.fails == "" && len(failed) == 0:
			case c.fails != "" && len(failed) == 1 && strings.Contains(failed[0], c.fails):
				clone.says(t, outcomes, c)
			default:
				t.Errorf("failed: %q\n%s", failed, report(outcomes))
			}
			clone.clean(t)
		})
	}
}

// outcome is what came of a step.
type outcome struct {
	name, output string
	status       int
}

func report(outcomes []outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		b.WriteString("== " + o.name + "\n" + o.output + "\n")
	}
	return b.String()
}

// clone is a fresh checkout, as the job begins with.
type clone struct {
	dir string
	env []string
	// production is the connection string that the job's secret has.
	production string
}

func (c *clone) says(t *testing.T, outcomes []outcome, change change) {
	t.Helper()
	i := slices.IndexFunc(outcomes, func(o outcome) bool { return o.status != 0 })
	for _, text := range change.says {
		if !strings.Contains(outcomes[i].output, text) {
			t.Errorf("the step does not say %q:\n%s", text, outcomes[i].output)
		}
	}
}

// job runs every step of the job that is a command, whatever the ones before gave.
func (c *clone) job(t *testing.T) (outcomes []outcome) {
	t.Helper()
	j := jobIn(t, read(t, filepath.Join(c.dir, ".github/workflows/ci.yml")))
	for _, s := range j.Steps {
		if s.Run == "" {
			continue
		}
		cmd := c.command(t.Context(), "bash", "-e", "-o", "pipefail", "-c", s.Run)
		for _, env := range []map[string]string{j.Env, s.Env} {
			for name, value := range env {
				cmd.Env = append(cmd.Env, name+"="+c.evaluate(t, value))
			}
		}
		out, _ := cmd.CombinedOutput()
		if !cmd.ProcessState.Exited() {
			t.Fatalf("%s: %s", s.Run, cmd.ProcessState)
		}
		outcomes = append(outcomes, outcome{s.Name, string(out), cmd.ProcessState.ExitCode()})
	}
	if len(outcomes) < 5 {
		t.Errorf("there are %d steps only", len(outcomes))
	}
	return outcomes
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// evaluate stands in for GitHub's expressions.
func (c *clone) evaluate(t *testing.T, value string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(value, func(text string) string {
		switch e := expression.FindStringSubmatch(text)[1]; e {
		case "github.event.pull_request.base.sha || github.event.before || github.sha":
			return strings.TrimSpace(c.run(t, "git", "rev-parse", "origin/main"))
		case "secrets.PRODUCTION_URL":
			return c.production
		default:
			t.Fatalf("nobody knows what %s is", e)
			return ""
		}
	})
}

// newProject is a project as a user makes it, committed.
func newProject(t *testing.T) *clone {
	t.Helper()
	c := &clone{dir: filepath.Join(t.TempDir(), "notes"), env: environment()}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	(&clone{dir: root, env: c.env}).run(t, "go", "run", "./cmd/bailiwick", "init", c.dir)
	c.run(t, "git", "init", "--quiet", "--initial-branch=main")
	c.commit(t)
	return c
}

// environment is the machine's, but for what would lead to another database.
func environment() (env []string) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "DATABASE_") {
			env = append(env, v)
		}
	}
	return append(env, "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=")
}

// clone is a fresh clone on a fresh machine, at one place, since each place has a
// server of its own for scratch work.
func (c *clone) clone(t *testing.T, urls tenanttest.URLs) *clone {
	t.Helper()
	machine := filepath.Join(filepath.Dir(c.dir), "machine")
	if err := os.RemoveAll(machine); err != nil {
		t.Fatal(err)
	}
	fresh := &clone{dir: filepath.Join(machine, "notes"), env: c.env, production: urls.RuntimeURL}
	c.run(t, "git", "clone", "--quiet", c.dir, fresh.dir)
	return fresh
}

func (c *clone) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

func (c *clone) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := c.command(t.Context(), name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

func (c *clone) commit(t *testing.T) {
	t.Helper()
	c.run(t, "git", "add", "--all")
	c.run(t, "git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "--quiet", "--message=A change")
}

// clean wants a working tree in which the job has left nothing.
func (c *clone) clean(t *testing.T) {
	t.Helper()
	if out := c.run(t, "git", "status", "--porcelain"); out != "" {
		t.Errorf("the job leaves:\n%s", out)
	}
}

func (c *clone) replace(t *testing.T, name, from, to string) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	text := read(t, path)
	if !strings.Contains(text, from) {
		t.Fatalf("%s does not hold %q", name, from)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (c *clone) generate(t *testing.T) {
	t.Helper()
	c.run(t, "go", "tool", "bailiwick", "generate")
}

// database is what the project is deployed to.
type database struct {
	tenanttest.URLs

	conn   *pgx.Conn
	tenant string // the schema of acme
}

// newDatabase has two tenants, made by the tool.
func newDatabase(t *testing.T, p *clone) *database {
	t.Helper()
	d := &database{URLs: tenanttest.Database(t)}
	owner := &clone{dir: p.dir, env: append(p.env, "DATABASE_OWNER_URL="+d.OwnerURL, "DATABASE_URL="+d.RuntimeURL)}
	owner.run(t, "go", "tool", "bailiwick", "tenant", "create", "acme")
	owner.run(t, "go", "tool", "bailiwick", "tenant", "create", "globex")
	var err error
	if d.conn, err = pgx.Connect(t.Context(), d.OwnerURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(context.Background()) })
	err = d.conn.QueryRow(t.Context(), "SELECT 't_' || replace(id::text, '-', '') FROM public.tenants WHERE slug = 'acme'").Scan(&d.tenant)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *database) exec(t *testing.T, sql string) {
	t.Helper()
	if sql == "" {
		return
	}
	if _, err := d.conn.Exec(t.Context(), strings.ReplaceAll(sql, "T.", d.tenant+".")); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
