package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// projects are the modules below this folder.
var projects = []string{"shop", "tickets"}

// TestProjects does with each project what its own CI does.
func TestProjects(t *testing.T) {
	t.Parallel()
	for _, name := range projects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out := run(t, name, "gofmt", "-l", "."); out != "" {
				t.Errorf("run gofmt -w on:\n%s", out)
			}
			run(t, name, "go", "mod", "tidy", "-diff")
			run(t, name, "go", "tool", "bailiwick", "generate", "--check")
			run(t, name, "go", "tool", "bailiwick", "lint")
			run(t, name, "go", "tool", "bailiwick", "check")
			run(t, name, "go", "vet", "./...")
			run(t, name, "go", "test", "./...")
		})
	}
}

// asMade are files that a project has as `bailiwick init` makes them.
var asMade = []string{
	".dockerignore", ".github/workflows/ci.yml", ".gitignore", "Dockerfile", "atlas.hcl", "bailiwick.yaml", "deploy/cloudrun.yaml",
	"openapi.go", "schema/plans/README.md", "schema/schema.go", "server/client_test.go", "sqlc.yaml", "tools.go",
}

// TestProjectsAreAsMade keeps the projects from falling behind the tool.
func TestProjectsAreAsMade(t *testing.T) {
	t.Parallel()
	for _, name := range projects {
		made := filepath.Join(t.TempDir(), name)
		run(t, ".", "go", "run", "../cmd/bailiwick", "init", made)
		for _, file := range asMade {
			if diff := cmp.Diff(read(t, filepath.Join(made, file)), read(t, filepath.Join(name, file))); diff != "" {
				t.Errorf("%s/%s (-made +here):\n%s", name, file, diff)
			}
		}
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

// run runs a command in a folder and gives its output.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return string(out)
}
