package docs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTasks does what each page of docs/tasks says. Pages begin with nothing but
// an empty folder and the tool.
func TestTasks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("tasks/*.md")
	if err != nil || len(pages) < 8 {
		t.Fatal(err, pages)
	}
	index, err := os.ReadFile("tasks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	for _, page := range pages {
		name := filepath.Base(page)
		if name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("tasks/README.md does not list %s", name)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.page(t, page, "", b.settings(t, name)...)
		})
	}
}

// TestRollouts does what the operators' page says, one scenario of a bad night
// after another, on a development instance.
func TestRollouts(t *testing.T) {
	t.Parallel()
	newBench(t).page(t, "rollouts.md", "")
}

// TestTenants does what the operators' page about the life of tenants says.
func TestTenants(t *testing.T) {
	t.Parallel()
	newBench(t).page(t, "tenants.md", "")
}

// TestAttacks attacks a new project's service, as the page about it says.
func TestAttacks(t *testing.T) {
	t.Parallel()
	newBench(t).page(t, "attacks.md", "", replacement{"9090", strconv.Itoa(freePort(t))})
}

// TestReadme does what README.md says, in a copy of the repository. Readers who
// followed README in the repository itself have its blocks in their files already.
func TestReadme(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	copied := filepath.Join(b.dir, "repository")
	files, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(files)) {
		text, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // it is deleted, and not committed yet
		}
		path := filepath.Join(copied, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o755))
		if err != nil {
			t.Fatal(err)
		}
	}
	b.followed = true
	b.page(t, "../README.md", copied, b.readme(t)...)
}

// TestOtherPages: pages without commands hold no code that nobody tests.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("comparison.md")
	if err != nil {
		t.Fatal(err)
	}
	if blocks, err := parse(string(text)); err != nil || len(blocks) > 0 {
		t.Errorf("%v: %d blocks", err, len(blocks))
	}
}
