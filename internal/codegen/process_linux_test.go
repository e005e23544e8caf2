package codegen_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
)

// TestKilled kills a run while it waits for sqlc: sqlc ends as well, and the
// next run is not disturbed by what is left.
func TestKilled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	check(t, err)
	dir := newProject(t, "example.com/project", archive(t, "testdata/base.txtar"))
	note := filepath.Join(t.TempDir(), "pid")
	cmd := exec.CommandContext(t.Context(), self, "generate", dir, note)
	check(t, cmd.Start())
	pid := 0
	eventually(t, "sqlc runs", func() bool {
		data, err := os.ReadFile(note)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(string(data))
		return err == nil
	})
	check(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Error("the run was not killed")
	}
	eventually(t, "sqlc ends", func() bool {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	})
	_, err = codegen.Run(t.Context(), options(t, dir))
	check(t, err)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 500 {
		if holds() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: not within ten seconds", what)
}
