// Package breaking_test tries the script that compares the API with where a
// branch began, on repositories of its own. What is a breaking change, and what
// allows one, is tested where it is decided, in internal/breaking.
package breaking_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// files make the smallest project; its document is apart.
var files = map[string]string{
	"go.mod":    "module example.com/test\n",
	"sqlc.yaml": `{version: "2", sql: [{engine: postgresql, schema: schema/tenant.sql, queries: queries/tenant, gen: {go: {out: gen/tenantdb/internal/sqlcgen, sql_package: pgx/v5}}}]}`,

	"schema/tenant.sql":      "CREATE TABLE things (id bigint CONSTRAINT things_pkey PRIMARY KEY);\n",
	"queries/tenant/all.sql": "-- name: ListThings :many\nSELECT id FROM things;\n",
}

const document = `openapi: 3.0.3
info: {title: Test, version: 1.0.0}
paths:
  /things:
    get:
      operationId: listThings
      security: []
      responses:
        "200":
          description: OK.
          content:
            application/json:
              schema:
                type: object
                required: [id, name]
                properties:
                  id: {type: string}
                  name: {type: string}
`

// without is the document without a property that clients were promised.
var without = strings.NewReplacer("[id, name]", "[id]", "                  name: {type: string}\n", "").Replace(document)

const removed = "GET /things removed the required property `name` from the response with the `200` status"

// repository has the document in its first commit, unless it is empty.
type repository struct{ dir, url string }

func newRepository(t *testing.T, document string) repository {
	t.Helper()
	r := repository{dir: t.TempDir(), url: tenanttest.Database(t).OwnerURL}
	r.git(t, "init", "--quiet", "--initial-branch=main")
	for name, text := range files {
		r.write(t, name, text)
	}
	if document != "" {
		r.write(t, "openapi.yaml", document)
	}
	r.commit(t)
	return r
}

func (r repository) write(t *testing.T, name, text string) {
	t.Helper()
	target := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r repository) commit(t *testing.T) {
	t.Helper()
	r.git(t, "add", "--all")
	r.git(t, "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "--quiet", "--allow-empty", "--message=A change")
}

func (r repository) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// breaking runs the script and tells whether it is content.
func (r repository) breaking(t *testing.T, environ ...string) (content bool, output string) {
	t.Helper()
	script, err := filepath.Abs("../../.ci/breaking")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), script, "--url", r.url)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "BASE_REF=")
	cmd.Env = append(cmd.Env, environ...)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

func TestBreakingChanges(t *testing.T) {
	t.Parallel()
	r := newRepository(t, document)
	r.write(t, "openapi.yaml", document+"                  more: {type: string}\n")
	r.commit(t)
	if content, output := r.breaking(t); !content || !strings.Contains(output, "openapi.yaml beside that of HEAD~1: fine") {
		t.Errorf("an added property: %v\n%s", content, output)
	}
	r.write(t, "openapi.yaml", without)
	if content, output := r.breaking(t); content || !strings.Contains(output, removed+" [response-required-property-removed]") {
		t.Errorf("a removed property, not committed: %v\n%s", content, output)
	}
	r.write(t, "docs/announced-changes.txt", removed+" # nobody has one\n")
	if content, output := r.breaking(t); !content || !strings.Contains(output, "fine, with 1 finding allowed") {
		t.Errorf("announced: %v\n%s", content, output)
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	r := newRepository(t, document)
	if content, output := r.breaking(t); content || !strings.Contains(output, "there is no revision HEAD~1") || !strings.Contains(output, "git fetch --unshallow") {
		t.Errorf("a single commit: %v\n%s", content, output)
	}
	r.git(t, "update-ref", "refs/remotes/origin/main", "HEAD")
	r.write(t, "openapi.yaml", without)
	r.commit(t)
	r.commit(t)
	if content, output := r.breaking(t); content {
		t.Errorf("what the branch broke two commits ago is not seen:\n%s", output)
	}
	if content, output := r.breaking(t, "BASE_REF=HEAD"); !content {
		t.Errorf("compared with itself:\n%s", output)
	}
	r.git(t, "update-ref", "refs/remotes/origin/main", "HEAD")
	if content, output := r.breaking(t); !content || !strings.Contains(output, "HEAD~1") {
		t.Errorf("on main it is the commit before that counts:\n%s", output)
	}
	if content, output := r.breaking(t, "BASE_REF=v9"); content || !strings.Contains(output, "there is no revision v9") {
		t.Errorf("an unknown revision: %v\n%s", content, output)
	}
	first := newRepository(t, "")
	first.write(t, "openapi.yaml", document)
	first.commit(t)
	if content, output := first.breaking(t); !content {
		t.Errorf("the first document: %v\n%s", content, output)
	}
}
