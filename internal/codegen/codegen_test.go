package codegen_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sqlc-dev/sqlc/pkg/cli"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/outputs"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

var update = flag.Bool("update", false, "write what is generated to testdata")

// TestMain lets the test binary stand for the tool's hidden sqlc command.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sqlc" {
		os.Exit(cli.Run(os.Args[2:]))
	}
	if len(os.Args) > 3 && os.Args[1] == "generate" {
		os.Exit(generateSlowly(os.Args[0], os.Args[2], os.Args[3]))
	}
	if len(os.Args) > 2 && os.Args[1] == "hang" {
		os.Exit(hang(os.Args[2]))
	}
	os.Exit(m.Run())
}

// generateSlowly is a run whose sqlc notes its process and never ends.
func generateSlowly(self, dir, note string) int {
	if _, err := codegen.Run(context.Background(), codegen.Options{Dir: dir, SQLC: []string{self, "hang", note}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func hang(note string) int {
	if err := os.WriteFile(note, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return 1
	}
	time.Sleep(time.Minute)
	return 0
}

const (
	goldenDir    = "testdata/golden"
	goldenModule = "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/"
)

func options(t *testing.T, dir string) codegen.Options {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	return codegen.Options{Dir: dir, SQLC: []string{self, "sqlc"}, Lint: lint.Project}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newProject makes a project of files in a folder of its own, as the root of a
// module.
func newProject(t testing.TB, module string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"go.mod": "module " + module + "\n\ngo 1.26\n"})
	writeFiles(t, dir, files)
	return dir
}

func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		target := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(target), 0o755))
		check(t, os.WriteFile(target, []byte(text), 0o644))
	}
}

// readTree reads all files below a folder, those for which keep is true.
func readTree(t testing.TB, dir string, keep func(name string) bool) map[string]string {
	t.Helper()
	names, err := outputs.Files(dir)
	check(t, err)
	files := map[string]string{}
	for _, name := range names {
		name = filepath.ToSlash(name)
		if keep(name) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			check(t, err)
			files[name] = string(data)
		}
	}
	return files
}

func isGo(name string) bool  { return strings.HasSuffix(name, ".go") }
func notGo(name string) bool { return !isGo(name) }

// TestGolden generates each project of testdata/golden and compares the result
// with what is checked in there, which TestGoldenCompiles compiles.
func TestGolden(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(goldenDir)
	check(t, err)
	for _, entry := range entries {
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join(goldenDir, entry.Name())
			dir := newProject(t, goldenModule+entry.Name(), readTree(t, golden, notGo))
			_, err := codegen.Run(t.Context(), options(t, dir))
			check(t, err)
			got := readTree(t, dir, isGo)
			want := readTree(t, golden, isGo)
			if *update {
				for name := range want {
					check(t, os.Remove(filepath.Join(golden, name)))
				}
				writeFiles(t, golden, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run the test with -update if this is meant (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGoldenCompiles vets everything in testdata/golden in one go.
func TestGoldenCompiles(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "vet", "./"+goldenDir+"/...").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestErrors runs each archive of testdata/errors over the project in
// testdata/base.txtar, and compares the findings with the archive's file want.
func TestErrors(t *testing.T) {
	t.Parallel()
	base := archive(t, "testdata/base.txtar")
	names, err := filepath.Glob("testdata/errors/*.txtar")
	check(t, err)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(base)
			for file, text := range archive(t, name) {
				files[file] = text
				if text == "" { // an empty file stands for one that is missing
					delete(files, file)
				}
			}
			want := files["want"]
			delete(files, "want")
			dir := newProject(t, "example.com/project", files)
			got := "no error\n"
			if _, err := codegen.Run(t.Context(), options(t, dir)); err != nil {
				got = strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
			}
			if left := readTree(t, dir, isGo); len(left) > 0 {
				t.Errorf("%d files were written in spite of the error", len(left))
			}
			if *update {
				writeWant(t, name, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run the test with -update if this is meant (-want +got):\n%s", diff)
			}
		})
	}
}

func archive(t *testing.T, name string) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile(name)
	check(t, err)
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

func writeWant(t *testing.T, name, want string) {
	t.Helper()
	a, err := txtar.ParseFile(name)
	check(t, err)
	kept := a.Files[:0]
	for _, f := range a.Files {
		if f.Name != "want" {
			kept = append(kept, f)
		}
	}
	kept = append(kept, txtar.File{Name: "want", Data: []byte(want)})
	a.Files = kept
	check(t, os.WriteFile(name, txtar.Format(a), 0o644))
}

// TestBase makes sure that the project which the error tests break is sound.
func TestBase(t *testing.T) {
	t.Parallel()
	dir := newProject(t, "example.com/project", archive(t, "testdata/base.txtar"))
	_, err := codegen.Run(t.Context(), options(t, dir))
	check(t, err)
}

// TestUnreadable names a query file that is there and cannot be read.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := newProject(t, "example.com/project", archive(t, "testdata/base.txtar"))
	check(t, os.Symlink("nowhere.sql", filepath.Join(dir, "queries", "tenant", "more.sql")))
	_, err := codegen.Run(t.Context(), options(t, dir))
	found, ok := errors.AsType[diag.List](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	want := diag.List{{
		File: "queries/tenant/more.sql", Rule: "unreadable",
		Message: "the file cannot be read: no such file or directory", Mend: "mend or remove it",
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
