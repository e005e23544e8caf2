//go:build cgo

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// TestInterrupted: what a command says that was interrupted is that, and not what its
// own end looks like.
func TestInterrupted(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("DATABASE_URL", "")
	t.Setenv("DATABASE_OWNER_URL", "")
	t.Setenv("BAILIWICK_CACHE_DIR", t.TempDir())
	project := filepath.Join(t.TempDir(), "project")
	if err := os.CopyFS(project, os.DirFS("testdata/project")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(project, "go.mod.txt"), filepath.Join(project, "go.mod")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}, {"generate"}, {"generate", "--json"}, {"vet"}} {
		out, err := interrupted(t, ctx, append([]string{"-C", project}, args...)...)
		if out != "" {
			t.Errorf("%v printed %s", args, out)
		}
		wantText(t, err, "interrupted; nothing was changed")
	}
}

func TestAttackInterrupted(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("ATTACK_TOKEN_B", "b")
	document := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(document, []byte(notesDocument), 0o600); err != nil {
		t.Fatal(err)
	}
	for after := range int64(6) {
		ctx, cancel := context.WithCancel(t.Context())
		var asked atomic.Int64
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > after {
				cancel()
			}
			notesOf(true)(w, r)
		}))
		out, err := interrupted(t, ctx, "attack", "--url", service.URL, "--openapi", document, "--only", "1,4",
			"--host-a", "acme.example", "--token-a", "a", "--host-b", "globex.example")
		service.Close()
		cancel()
		if out != "" {
			t.Errorf("after %d requests: %s", after, out)
		}
		wantText(t, err, "interrupted: there is no verdict")
	}
}

func interrupted(t *testing.T, ctx context.Context, args ...string) (string, error) { //nolint:revive // t is first in tests.
	t.Helper()
	root := newRootCommand() //nolint:contextcheck // The command has it from ExecuteContext.
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}
