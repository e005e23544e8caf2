package scaffold_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/scaffold"
)

// TestDeployment: a project begins with the deployment of the reference service.
func TestDeployment(t *testing.T) {
	t.Parallel()
	here, err := os.ReadFile("project/atlas.hcl.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../atlas.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(here)); diff != "" {
		t.Errorf("project/atlas.hcl.tmpl differs from atlas.hcl; copy it (-want +here):\n%s", diff)
	}
}

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
		if stopped.Stop() || err == nil || !strings.Contains(err.Error(), "interrupted, and nothing is left") {
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

// TestTwoAtOnce lets several make a project in one empty folder: none takes away
// or mixes up what another one has made.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begin := make(chan struct{})
	var all sync.WaitGroup
	var alone atomic.Int32
	for range 8 {
		all.Go(func() {
			<-begin
			_, err := scaffold.Init(t.Context(), scaffold.Options{Dir: dir, Bailiwick: "../..", Name: "notes", SQLC: []string{"sh", "-c", "sleep 1; exit 1"}})
			switch {
			case err == nil:
				t.Error("made a project without sqlc")
			case !strings.Contains(err.Error(), "is not empty"):
				alone.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	if alone.Load() > 1 {
		t.Errorf("%d were at work in the folder at once", alone.Load())
	}
}
