package docs_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bench is what pages share: the tool and the fakes on PATH, and the place for
// the data of embedded databases.
type bench struct {
	dir, bin string
	// followed is for pages that readers may have followed where the test runs:
	// a block that its file holds, word by word, is not added again.
	followed bool
}

// newBench builds the tool, as `go install` does.
func newBench(t *testing.T) bench {
	t.Helper()
	dir, err := os.MkdirTemp("", "bailiwick-docs-") // not t.TempDir: the server's account must enter it
	if err != nil {
		t.Fatal(err)
	}
	b := bench{dir: dir, bin: filepath.Join(dir, "bin")}
	t.Cleanup(func() { b.remove(t) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", b.bin+"/", "./cmd/bailiwick")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range fakes {
		if err := os.Symlink(self, filepath.Join(b.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// remove waits until the last embedded server has stopped, as it does by itself.
func (b bench) remove(t *testing.T) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		running, err := filepath.Glob(b.dir + "/cache/*/*/*/postmaster.pid")
		if err != nil || len(running) == 0 {
			break
		}
	}
	if err := os.RemoveAll(b.dir); err != nil {
		t.Error(err)
	}
}

// environment is the test's own, without what would lead to another database.
func (b bench) environment(port int) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "DATABASE_") && !strings.HasPrefix(name, "TEST_DATABASE_") && name != "PATH" && name != "PORT" {
			env = append(env, v)
		}
	}
	return append(env,
		"PATH="+b.bin+string(os.PathListSeparator)+os.Getenv("PATH"), "PORT="+strconv.Itoa(port),
		"BAILIWICK_CACHE_DIR="+filepath.Join(b.dir, "cache"),
	)
}

// page does what a page says, in a folder of its own.
func (b bench) page(t *testing.T, file, start string, replaced ...replacement) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	dir, err := os.MkdirTemp(b.dir, "page-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	if start == "" {
		start = dir
	}
	s := newShell(t, dir, start, b.environment(port))
	replaced = append(replaced, replacement{":8080", ":" + strconv.Itoa(port)})
	var output string
	for _, block := range blocks {
		if t.Failed() {
			return
		}
		block = replaceIn(block, replaced)
		begin := time.Now()
		switch {
		case block.attrs["file"] != "":
			if err := b.write(filepath.Join(s.where(), block.attrs["file"]), block); err != nil {
				t.Fatalf("%s:%d: %v", file, block.line, err)
			}
		case block.lang == "sql":
			s.block(replaceIn(superuserSQL(block), replaced))
		case block.lang == "text":
			s.block(helpOf(block))
		case block.lang == "output":
			if !matches(output, block.text) {
				t.Errorf("%s:%d: the commands before print\n%s\nand not\n%s", file, block.line, output, block.text)
			}
		default:
			output = s.block(block)
		}
		t.Logf("%s:%d took %s", file, block.line, time.Since(begin).Round(time.Millisecond))
	}
}

func replaceIn(b block, replaced []replacement) block {
	for _, r := range replaced {
		b.text = strings.ReplaceAll(b.text, r.written, r.run)
	}
	return b
}

// superuserSQL is a block of SQL as a command.
func superuserSQL(b block) block {
	b.lang, b.text = "sh", "psql -q -v ON_ERROR_STOP=1 \"$DATABASE_SUPERUSER_URL\" <<'SQL'\n"+b.text+"SQL\n"
	return b
}

// helpOf asks for the help of each command in a list of them.
func helpOf(b block) block {
	var text string
	for line := range strings.Lines(b.text) {
		if words := strings.Fields(line); len(words) > 1 {
			text += words[0] + " help " + words[1] + " >/dev/null\n"
		}
	}
	b.lang, b.text = "sh", text
	return b
}

// write puts a block into its file.
func (b bench) write(path string, block block) error {
	old, err := os.ReadFile(path)
	if os.IsNotExist(err) && len(block.attrs) == 1 { // a new file
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err != nil {
		return err
	}
	if b.followed && strings.Contains(squeeze(string(old)), squeeze(block.text)) {
		return nil
	}
	text, err := edit(string(old), block)
	if err != nil {
		return fmt.Errorf("%s: %w", block.attrs["file"], err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// TestWriteAgain: only where readers may have been before is a block left out, and
// only if it is there word by word.
func TestWriteAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f.yaml")
	add := block{attrs: map[string]string{"file": "f.yaml", "under": "paths"}, text: "  /x:\n    get: {}\n"}
	for _, c := range []struct {
		followed  bool
		old, want string
	}{
		{true, "paths:\n", "paths:\n  /x:\n    get: {}\n"},
		{true, "paths:\n  /x:\n    get: {}\n", "paths:\n  /x:\n    get: {}\n"},
		{true, "paths:\n  /x: {}\n", "paths:\n  /x: {}\n  /x:\n    get: {}\n"},
		{false, "paths:\n  /x:\n    get: {}\n", "paths:\n  /x:\n    get: {}\n  /x:\n    get: {}\n"},
	} {
		err := os.WriteFile(path, []byte(c.old), 0o600)
		err = errors.Join(err, bench{followed: c.followed}.write(path, add))
		got, readErr := os.ReadFile(path)
		if err := errors.Join(err, readErr); err != nil || string(got) != c.want {
			t.Errorf("%t %q: %v, %q", c.followed, c.old, err, got)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
