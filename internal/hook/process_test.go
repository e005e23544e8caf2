//go:build unix

package hook_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestGivenUp ends what a command has started also when nothing of it wants to end.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	h, _, dir := command(t, `trap '' TERM; sh -c 'exec >life 2>&1; echo up; sleep 300' & wait; sleep 300`, time.Minute)
	life := filepath.Join(dir, "life")
	if err := syscall.Mkfifo(life, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.Before(ctx, event()) }()
	f, err := os.Open(life) // Waits for the child.
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, make([]byte, len("up\n"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("it went on without a context")
	}
	// Who holds the other end is alive: its end is the child's.
	if err := f.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the child is alive: %v", err)
	}
}
