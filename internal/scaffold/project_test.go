package scaffold_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	moduleName  = "example.org/team/field-notes"
	serviceName = "field-notes"
)

// newProject is a project as a user makes it, by the tool itself, committed.
type newProject struct{ dir string }

// TestProject makes a project and does with it what its user and its CI do, with
// real commands and without a network.
func TestProject(t *testing.T) {
	t.Parallel()
	p := initProject(t)
	p.run(t, "git", "init", "--quiet")
	p.run(t, "git", "add", "--all")
	p.run(t, "git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "--quiet", "-m", "Begin")
	p.run(t, "go", "generate", "./...")
	p.clean(t)
	p.workflow(t)
	server := p.image(t)
	p.serve(t, server)
	p.cloudRun(t)
	p.cloudSQL(t, server)
	p.clean(t)
}

// placeholder is one of the scaffold's; ${{ ... }} of a workflow is none.
var placeholder = regexp.MustCompile(`[^$]\{\{|\{\{\w+\}\}`)

func initProject(t *testing.T) newProject {
	t.Helper()
	p := newProject{filepath.Join(t.TempDir(), "notes")}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	at := newProject{root}
	out := at.run(t, "go", "run", "./cmd/bailiwick", "init", p.dir, "--module", moduleName, "--name", serviceName, "--json")
	var made struct {
		Dir, Module, Name, Bailiwick string
		Files                        []string
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if made.Dir != p.dir || made.Module != moduleName || made.Name != serviceName || made.Bailiwick != root {
		t.Errorf("made: %+v", made)
	}
	for _, name := range made.Files {
		text := p.read(t, name)
		if placeholder.MatchString(text) && !strings.HasPrefix(name, "gen/") {
			t.Errorf("%s has a placeholder left", name)
		}
	}
	return p
}

func (p newProject) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// clean wants a working tree without a change.
func (p newProject) clean(t *testing.T) {
	t.Helper()
	if out := p.run(t, "git", "status", "--porcelain"); out != "" {
		t.Errorf("git status:\n%s", out)
	}
}

// run runs a command in the project and gives its output.
func (p newProject) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := p.command(t.Context(), name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}

// command has the machine's environment, but for what would hide a mistake.
func (p newProject) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=", "DATABASE_URL=", "DATABASE_OWNER_URL=")
	return cmd
}
