//go:build unix

package hook_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/hook"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// heard is what a hook has said.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) sayf(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

// command makes the hook of a shell script.
func command(t *testing.T, script string, timeout time.Duration) (catalog.Hook, *heard, string) {
	t.Helper()
	h, dir := &heard{}, t.TempDir()
	hooks := hook.Commands(&project.Project{
		Root: dir, Hooks: []project.Hook{{Name: "dns", Command: []string{"sh", "-c", script}, Timeout: timeout}},
	}, h.sayf)
	return hooks[0], h, dir
}

func event() catalog.Event {
	return catalog.Event{
		ID: 7, Action: catalog.ActionRename, Actor: "cli:ann",
		Tenant: catalog.Record{ID: tenant.ID{1}, Slug: "new"}, Was: catalog.Record{ID: tenant.ID{1}, Slug: "old"},
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	h, said, dir := command(t, `cat > event; echo "$BAILIWICK_WHEN $BAILIWICK_ACTION $BAILIWICK_TENANT $BAILIWICK_SLUG"; echo two`, time.Minute)
	if h.Name != "dns" {
		t.Error(h.Name)
	}
	if err := h.Before(t.Context(), event()); err != nil {
		t.Fatal(err)
	}
	if err := h.After(t.Context(), event()); err != nil {
		t.Fatal(err)
	}
	want := []string{"dns: before rename 01000000-0000-0000-0000-000000000000 old", "dns: two", "dns: after rename 01000000-0000-0000-0000-000000000000 old", "dns: two"}
	if strings.Join(said.lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("said %q", said.lines)
	}
	text, err := os.ReadFile(filepath.Join(dir, "event"))
	for _, part := range []string{`"id":7`, `"action":"rename"`, `"slug":"new"`, `"was":{`, `"slug":"old"`, `"actor":"cli:ann"`} {
		if err != nil || !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s, %v", part, text, err)
		}
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	h, said, _ := command(t, "echo no room >&2; exit 3", time.Minute)
	err := h.Before(t.Context(), event())
	if err == nil || err.Error() != "exit status 3: no room" || len(said.lines) > 0 {
		t.Errorf("%v, said %q", err, said.lines)
	}
	if err := h.After(t.Context(), event()); err == nil || len(said.lines) != 1 ||
		said.lines[0] != "dns failed after rename of new, and is told again: exit status 3: no room" {
		t.Errorf("%v, said %q", err, said.lines)
	}
	h, _, _ = command(t, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", time.Minute)
	if err := h.Before(t.Context(), event()); err == nil || len(err.Error()) > 3000 {
		t.Errorf("an error of %d bytes", len(fmt.Sprint(err)))
	}
}

// TestMuch keeps the end of what a command prints, and not all of it.
func TestMuch(t *testing.T) {
	t.Parallel()
	h, said, _ := command(t, "yes | head -c 10000000; printf '\\nlast'", time.Minute)
	if err := h.Before(t.Context(), event()); err != nil {
		t.Fatal(err)
	}
	size := len(strings.Join(said.lines, "\n"))
	if last := said.lines[len(said.lines)-1]; size > 1<<20 || !strings.HasPrefix(said.lines[0], "dns: ...") || last != "dns: last" {
		t.Errorf("%d bytes, from %q to %q", size, said.lines[0], last)
	}
}

// TestTimeout ends a command with what it has started.
func TestTimeout(t *testing.T) {
	t.Parallel()
	h, _, _ := command(t, "sleep 300 & sleep 300; wait", 50*time.Millisecond)
	if err := h.Before(t.Context(), event()); err == nil || err.Error() != "it took longer than 50ms" {
		t.Error(err)
	}
	h, _, _ = command(t, "sleep 300", time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Before(ctx, event()); err == nil {
		t.Error("it went on without a context")
	}
}
