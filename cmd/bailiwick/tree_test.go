//go:build cgo

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// withoutJSON are the commands whose output is no answer, with the reason.
var withoutJSON = map[string]string{
	"bailiwick":                       "it holds commands",
	"bailiwick completion":            "it holds commands",
	"bailiwick completion bash":       "a script for the shell",
	"bailiwick completion fish":       "a script for the shell",
	"bailiwick completion powershell": "a script for the shell",
	"bailiwick completion zsh":        "a script for the shell",
	"bailiwick help":                  "text for people",
	"bailiwick schema":                "it holds commands",
	"bailiwick tenant":                "it holds commands",
	"bailiwick tenant domain":         "it holds commands",
	"bailiwick tenant issuer":         "it holds commands",
}

// TestEveryCommand holds each command to what a user may expect of it.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	walk(newRootCommand(), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		seen[path] = true
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s: Short, Long and Example are for people who read --help", path)
		}
		if _, ours := withoutJSON[path]; !ours && !strings.Contains(cmd.Long, "Exit status: 0") {
			t.Errorf("%s: the help tells no exit status", path)
		}
		if !strings.Contains(cmd.Example, path) {
			t.Errorf("%s: no example has the command itself:\n%s", path, cmd.Example)
		}
		for line := range strings.Lines(cmd.Example) {
			if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "bailiwick ") {
				t.Errorf("%s: the example %q is no call of bailiwick", path, line)
			}
		}
		_, excused := withoutJSON[path]
		if got := cmd.Flags().Lookup("json") != nil; got == excused {
			t.Errorf("%s: --json: %t, on the list of those without: %t", path, got, excused)
		}
		showsHelp(t, path)
	})
	for path := range withoutJSON {
		if !seen[path] {
			t.Errorf("there is no command %s any more", path)
		}
	}
}

func walk(cmd *cobra.Command, do func(*cobra.Command)) {
	if cmd.Hidden {
		return
	}
	do(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, do)
	}
}

// showsHelp runs a command with --help, as a user does first.
func showsHelp(t *testing.T, path string) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append(strings.Fields(path)[1:], "--help"))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%s --help: %v", path, err)
	}
	for _, want := range []string{"Usage:", "Examples:"} {
		if !strings.Contains(out.String(), want) && path != "bailiwick help" {
			t.Errorf("%s --help has no %s", path, want)
		}
	}
}

// TestBuildTags keeps the tool's message about a missing C compiler: it can be
// built only if no other file is.
func TestBuildTags(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := "//go:build cgo\n"
		if file == "nocgo.go" {
			want = "//go:build !cgo\n"
		}
		if !bytes.HasPrefix(text, []byte(want)) {
			t.Errorf("%s: begin with %s", file, want)
		}
	}
}

// TestWithoutCompiler builds the tool as it is built where there is no C compiler.
func TestWithoutCompiler(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "bailiwick")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), binary, "lint").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "mend: install a C compiler") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestCompletion completes what a database knows, from one that runs.
func TestCompletion(t *testing.T) { // not parallel: it sets the environment
	urls := databaseWithTenant(t)
	t.Setenv("DATABASE_OWNER_URL", urls.OwnerURL)
	t.Setenv("DATABASE_URL", urls.RuntimeURL)
	for _, c := range []struct{ line, want string }{
		{"tenant show", "initech\tInitech Inc."},
		{"token --tenant", "initech\tInitech Inc."},
		{"tenant create x --plan", "team"},
		{"schema drift --tenant", "initech\tInitech Inc."},
		{"schema diff --from acme --to", "initech\tInitech Inc."},
	} {
		got := complete(t, append(strings.Fields(c.line), "")...)
		if !slices.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
	t.Setenv("DATABASE_OWNER_URL", "postgres://nobody@127.0.0.1:1/none")
	if got := complete(t, "tenant", "show", ""); len(got) != 2 { // the directive, and an empty line
		t.Errorf("without a database: %q", got)
	}
}

func complete(t *testing.T, args ...string) []string {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(append([]string{"__complete", "--dir", repository}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return strings.Split(out.String(), "\n")
}
