package scaffold_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/scaffold"
)

// TestInterrupted leaves nothing, and keeps a folder that was there.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	there := filepath.Join(parent, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{there, filepath.Join(parent, "new")} {
		ctx, cancel := context.WithCancel(t.Context())
		stopped := time.AfterFunc(50*time.Millisecond, cancel) // In the middle of it.
		made, err := scaffold.Init(ctx, scaffold.Options{Dir: dir, Bailiwick: "../..", SQLC: []string{"sh", "-c", "exec sleep 60"}})
		if stopped.Stop() || err == nil {
			t.Errorf("%s: made %v, %v", dir, made, err)
		}
		cancel()
	}
	for dir, want := range map[string]int{parent: 1, there: 0} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
	}
}
