// Package breaking_test tries the script that refuses unannounced breaking
// changes of the API, on repositories of its own.
package breaking_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const document = `openapi: 3.0.3
info: {title: Test, version: "1"}
paths:
  /things:
    get:
      operationId: listThings
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

// repository has the document in its first commit, unless it is empty.
type repository struct{ dir string }

func newRepository(t *testing.T, document string) repository {
	t.Helper()
	r := repository{dir: t.TempDir()}
	r.git(t, "init", "--quiet", "--initial-branch=main")
	r.write(t, "README", "A test.\n")
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
	cmd := exec.CommandContext(t.Context(), script)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "BASE_REF=")
	cmd.Env = append(cmd.Env, environ...)
	out, err := cmd.CombinedOutput()
	return err == nil, string(out)
}

func TestBreakingChanges(t *testing.T) {
	t.Parallel()
	without := strings.NewReplacer("[id, name]", "[id]", "                  name: {type: string}\n", "").Replace(document)
	const removed = "GET /things removed the required property `name` from the response with the `200` status"
	for name, c := range map[string]struct {
		revision, announced string
		content             bool
		output              string
	}{
		"no change":        {document, "", true, "does not break the clients of HEAD~1"},
		"added property":   {document + "                  more: {type: string}\n", "", true, "does not break"},
		"removed property": {without, "", false, removed + " [response-required-property-removed]"},
		"removed operation": {
			strings.Replace(document, "/things", "/others", 1), "", false, "GET /things api path removed without deprecation",
		},
		"announced":                {without, "# A comment.\n\n" + removed + " # nobody has one\n", true, "other than announced"},
		"announced without reason": {without, removed + "\n", false, "mend: end the line with # and the reason"},
		"another announced":        {without, strings.Replace(removed, "`name`", "`id`", 1) + " # a reason\n", false, removed},
		"announced in a comment":   {without, "# " + removed + " # a reason\n", false, removed},
		"no document any more":     {"paths: [", "", false, "failed to load"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, document)
			r.write(t, "openapi.yaml", c.revision)
			if c.announced != "" {
				r.write(t, "docs/announced-changes.txt", c.announced)
			}
			r.commit(t)
			if content, output := r.breaking(t); content != c.content || !strings.Contains(output, c.output) {
				t.Errorf("content: %v\n%s", content, output)
			}
		})
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	without := strings.NewReplacer("[id, name]", "[id]", "                  name: {type: string}\n", "").Replace(document)
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
	if content, output := first.breaking(t); !content || !strings.Contains(output, "nothing can break") {
		t.Errorf("the first document: %v\n%s", content, output)
	}
}
