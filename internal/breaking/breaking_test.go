package breaking_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/breaking"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

const document = `openapi: 3.0.3
info: {title: Test, version: 1.4.2}
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

// repository is a project below the top of a repository, whose document is in
// the first commit, unless it is empty.
type repository struct{ top, dir string }

func newRepository(t *testing.T, document string) repository {
	t.Helper()
	r := repository{top: t.TempDir()}
	r.dir = filepath.Join(r.top, "app")
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
	cmd.Dir = r.top
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (r repository) project() *project.Project {
	return &project.Project{Root: r.dir, OpenAPI: "openapi.yaml", Announced: "docs/announced-changes.txt"}
}

// check compares with the commit before.
func (r repository) check(t *testing.T) diag.List {
	t.Helper()
	list, err := breaking.Check(t.Context(), r.project(), "HEAD~1")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestBreakingChanges(t *testing.T) {
	t.Parallel()
	raised := func(version string) string { return strings.Replace(without, "1.4.2", version, 1) }
	for name, c := range map[string]struct {
		revision, announced string
		// want is in the only finding's text; empty means that there is none.
		want    string
		allowed bool
	}{
		"no change":      {revision: document},
		"added property": {revision: document + "                  more: {type: string}\n"},
		"removed property": {
			revision: without,
			want: "openapi.yaml:5: " + removed + " [response-required-property-removed]\n\tmend: keep what clients rely on; " +
				"or raise info.version, which was 1.4.2, to 2.0.0; or write it, up to its [rule], to docs/announced-changes.txt, with # and the reason at its end",
		},
		"removed operation": {
			revision: strings.Replace(document, "/things", "/others", 1),
			want:     "openapi.yaml: GET /things api path removed without deprecation [api-path-removed-without-deprecation]",
		},
		"a new minor version":  {revision: raised("1.5.0"), want: "to 2.0.0"},
		"a new major version":  {revision: raised("2.0.0"), want: "allowed: info.version went from 1.4.2 to 2.0.0", allowed: true},
		"a version that is no": {revision: raised("second"), want: "to 2.0.0"},
		"an older version":     {revision: raised("0.9.0"), want: "to 2.0.0"},
		"announced": {
			revision: without, announced: "# A comment.\n\n" + removed + " # nobody has one\n",
			want: "allowed: nobody has one", allowed: true,
		},
		"announced in other letters": {
			revision: without, announced: strings.ToUpper(removed) + " # nobody has one\n",
			want: "allowed: nobody has one", allowed: true,
		},
		"another announced":      {revision: without, announced: strings.Replace(removed, "`name`", "`id`", 1) + " # a reason\n", want: removed},
		"a part of it announced": {revision: without, announced: strings.TrimSuffix(removed, " status") + " # a reason\n", want: removed},
		"announced in a comment": {revision: without, announced: "# " + removed + " # a reason\n", want: removed},
		"no document any more":   {revision: "paths: [", want: "openapi.yaml: the document can't be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t, document)
			r.write(t, "openapi.yaml", c.revision)
			if c.announced != "" {
				r.write(t, "docs/announced-changes.txt", c.announced)
			}
			r.commit(t)
			list := r.check(t)
			if c.want == "" {
				if len(list) > 0 {
					t.Errorf("%v", list)
				}
				return
			}
			if len(list) != 1 || !strings.Contains(list[0].String(), c.want) || (list.Err() == nil) != c.allowed {
				t.Errorf("%v", list)
			}
		})
	}
}

// TestWarning: what breaks some clients only is refused too, and says so.
func TestWarning(t *testing.T) {
	t.Parallel()
	enum := strings.Replace(document, "name: {type: string}", "name: {type: string, enum: [a, b]}", 1)
	r := newRepository(t, enum)
	r.write(t, "openapi.yaml", strings.Replace(enum, "[a, b]", "[a, b, c]", 1))
	r.commit(t)
	list := r.check(t)
	if len(list) != 1 || list.Err() == nil || list[0].Rule != "response-property-enum-value-added" || list[0].Line == 0 || !strings.Contains(list[0].Mend, "at its end. ") {
		t.Errorf("%v", list)
	}
}

func TestWithoutReason(t *testing.T) {
	t.Parallel()
	r := newRepository(t, document)
	r.write(t, "openapi.yaml", without)
	r.write(t, "docs/announced-changes.txt", "# A comment.\n"+removed+"\n")
	r.commit(t)
	list := r.check(t)
	want := diag.Diagnostic{
		File: "docs/announced-changes.txt", Line: 2, Rule: "announced-without-reason",
		Message: `"` + removed + `" is announced without a reason`, Mend: "end the line with # and the reason",
	}
	if len(list) != 2 || !cmp.Equal(list[0], want) || list[1].Allowed != "" {
		t.Errorf("%v", list)
	}
}

// TestMajorZero: what breaks in a version 0 raises the minor.
func TestMajorZero(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"0.4.2":      "allowed: info.version went from 0.3.1 to 0.4.2",
		"0.4.0":      "allowed: info.version went from 0.3.1 to 0.4.0",
		"1.0.0":      "allowed: info.version went from 0.3.1 to 1.0.0",
		"0.3.2":      "raise info.version, which was 0.3.1, to 0.4.0",
		"v0.10":      "allowed: info.version went from 0.3.1 to v0.10",
		"2026-01-01": "to 0.4.0",
	} {
		r := newRepository(t, strings.Replace(document, "1.4.2", "0.3.1", 1))
		r.write(t, "openapi.yaml", strings.Replace(without, "1.4.2", version, 1))
		r.commit(t)
		if list := r.check(t); len(list) != 1 || !strings.Contains(list[0].String(), want) {
			t.Errorf("%s: %v", version, list)
		}
	}
	r := newRepository(t, strings.Replace(document, "1.4.2", "2026-01-01", 1))
	r.write(t, "openapi.yaml", strings.Replace(without, "1.4.2", "2026-02-01", 1))
	r.commit(t)
	if list := r.check(t); len(list) != 1 || !strings.Contains(list[0].Mend, `give the API semantic versions (info.version was "2026-01-01")`) {
		t.Errorf("dates: %v", list)
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	r := newRepository(t, document)
	for _, base := range []string{"HEAD~1", "v9", "--help"} {
		if _, err := breaking.Check(t.Context(), r.project(), base); err == nil || !strings.Contains(err.Error(), "there is no revision "+base) || !strings.Contains(err.Error(), "git fetch --unshallow") {
			t.Errorf("%s: %v", base, err)
		}
	}
	r.write(t, "openapi.yaml", without)
	r.commit(t)
	r.commit(t)
	for base, want := range map[string]int{"HEAD": 0, "HEAD~1": 0, "HEAD~2": 1, strings.Repeat("0", 40): 0} {
		list, err := breaking.Check(t.Context(), r.project(), base)
		if err != nil || len(list) != want {
			t.Errorf("%s: %v, %v", base, list, err)
		}
	}
	first := newRepository(t, "")
	first.write(t, "openapi.yaml", document)
	first.commit(t)
	if list := first.check(t); len(list) > 0 {
		t.Errorf("the first document: %v", list)
	}
	outside := &project.Project{Root: t.TempDir(), OpenAPI: "openapi.yaml"}
	if _, err := breaking.Check(t.Context(), outside, "HEAD"); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("without a repository: %v", err)
	}
}

// TestMoved: a document that moved is the same document.
func TestMoved(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "")
	r.write(t, "api/v1.yaml", document)
	r.write(t, "bailiwick.yaml", "version: 1\nopenapi: api/v1.yaml\n")
	r.commit(t)
	r.git(t, "rm", "--quiet", "app/api/v1.yaml", "app/bailiwick.yaml")
	r.write(t, "openapi.yaml", without)
	r.commit(t)
	if list := r.check(t); len(list) != 1 || list[0].File != "openapi.yaml" {
		t.Errorf("%v", list)
	}
}

// TestBrokenBase: a document that was broken at the base can't be compared with.
func TestBrokenBase(t *testing.T) {
	t.Parallel()
	r := newRepository(t, "paths: [")
	r.write(t, "openapi.yaml", document)
	r.commit(t)
	if list := r.check(t); len(list) != 1 || !strings.Contains(list[0].String(), "the document of HEAD~1 can't be read") {
		t.Errorf("%v", list)
	}
}
