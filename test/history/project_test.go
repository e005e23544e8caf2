package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// root is the repository.
const root = "../.."

// patience is for whatever has to happen, however slow the machine is.
const patience = 3 * time.Minute

// project is a copy of the reference service's sources.
type project struct{ dir string }

// newProject copies what the service is built from, without tests.
func newProject(t *testing.T) project {
	t.Helper()
	p := project{t.TempDir()}
	for _, name := range []string{
		"atlas.hcl", "bailiwick.yaml", "go.mod", "go.sum", "openapi.go", "openapi.yaml", "sqlc.yaml",
		"client", "gen", "queries", "schema", "server", "tenant",
	} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata":
				return fs.SkipDir
			case entry.IsDir() || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			return p.copy(path)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p project) copy(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	to := filepath.Join(p.dir, relative)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}

func (p project) read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p project) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit makes a version of the files out of the one before.
func (p project) edit(t *testing.T, edits []edit) {
	t.Helper()
	for _, e := range edits {
		text := p.read(t, e.file)
		switch {
		case e.old == "":
			text += e.text
		case !strings.Contains(text, e.old):
			t.Fatalf("%s has changed, and holds no more what the history edits:\n%s", e.file, e.old)
		default:
			text = strings.ReplaceAll(text, e.old, e.text)
		}
		p.write(t, e.file, text)
	}
}

// tool is the real command line, in a project and on a database.
type tool struct {
	binary  string
	environ []string
}

// output is what a command came to.
type output struct {
	command        string
	code           int
	stdout, stderr string
}

// start runs a command and tells what it came to.
func (x tool) start(t *testing.T, dir string, args ...string) <-chan output {
	t.Helper()
	done := make(chan output, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, x.binary, args...)
		var stdout, stderr bytes.Buffer
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, x.environ, &stdout, &stderr
		out := output{command: strings.Join(args, " ")}
		err := cmd.Run()
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
			fmt.Fprintln(&stderr, err)
			out.code = -1
		} else {
			out.code = cmd.ProcessState.ExitCode()
		}
		out.stdout, out.stderr = stdout.String(), stderr.String()
		done <- out
	}()
	return done
}

// must runs a command that has to end with one of the codes.
func (x tool) must(t *testing.T, dir string, codes []int, args ...string) output {
	t.Helper()
	return (<-x.start(t, dir, args...)).want(t, codes...)
}

func (o output) want(t *testing.T, codes ...int) output {
	t.Helper()
	if !slices.Contains(codes, o.code) {
		t.Fatalf("bailiwick %s: exit status %d, want %d\n%s\n%s", o.command, o.code, codes, o.stdout, o.stderr)
	}
	return o
}

var succeeds = []int{0}

// build compiles a program out of a module.
func build(t *testing.T, dir, pkg, binary string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, pkg)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
}

// environ is the test's own, without what would lead to another database.
func environ(more ...string) []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "PORT", "DATABASE_URL", "DATABASE_OWNER_URL", "ATLAS_DEV_URL":
		default:
			kept = append(kept, entry)
		}
	}
	return append(kept, more...)
}

// decode reads JSON into a new T.
func decode[T any](text string) (v T, err error) {
	if err = json.Unmarshal([]byte(text), &v); err != nil {
		err = fmt.Errorf("%w in %.300s", err, text)
	}
	return v, err
}
