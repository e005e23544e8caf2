//go:build linux || darwin || freebsd

package devpg

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	stopPoll = 10 * time.Millisecond
	// stopTimeout is for the fast shutdown; after it comes the immediate one.
	stopTimeout = 20 * time.Second
	// killTimeout is for the immediate shutdown.
	killTimeout = 10 * time.Second
)

// postmaster is what postmaster.pid says.
type postmaster struct {
	pid, port int
	ready     bool
}

// running reads postmaster.pid; ok is false when there is none, or when it was
// left by a server that is gone, even if its process id has been taken by
// another program since.
func (c cluster) running() (pm postmaster, ok bool, err error) {
	text, err := os.ReadFile(c.pidFile())
	if errors.Is(err, fs.ErrNotExist) {
		return pm, false, nil
	}
	if err != nil {
		return pm, false, fmt.Errorf("look for the server: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	pm.pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pm.pid <= 1 {
		return pm, false, nil //nolint:nilerr // the server writes the file whole; this is not its
	}
	const portLine, statusLine = 3, 7
	if len(lines) > portLine {
		if pm.port, err = strconv.Atoi(strings.TrimSpace(lines[portLine])); err != nil {
			pm.port = 0 // not written yet
		}
	}
	pm.ready = len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"
	return pm, c.owns(pm.pid), nil
}

func (c cluster) pidFile() string { return filepath.Join(c.dir, "postmaster.pid") }

// owns reports whether the process is a postmaster with this data directory,
// by its command line.
func (c cluster) owns(pid int) bool {
	if runtime.GOOS == "linux" {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		return err == nil && bytes.Contains(line, []byte("\x00-D\x00"+c.dir+"\x00"))
	}
	line, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx // local and quick
	return err == nil && bytes.Contains(line, []byte("-D "+c.dir+" "))
}

// stop shuts the server down and waits until it is gone. Clients' transactions
// are rolled back, nothing committed is lost. No server is no error.
func (c cluster) stop() error {
	pm, ok, err := c.running()
	if err != nil || !ok {
		return err
	}
	for _, step := range []struct {
		signal  syscall.Signal
		timeout time.Duration
	}{
		{syscall.SIGINT, stopTimeout},  // fast
		{syscall.SIGQUIT, killTimeout}, // immediate
	} {
		if err := syscall.Kill(pm.pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop PostgreSQL (process %d): %w", pm.pid, err)
		}
		if c.gone(pm.pid, step.timeout) {
			return nil
		}
	}
	return fmt.Errorf("PostgreSQL (process %d, %s) did not stop", pm.pid, c.dir)
}

func (c cluster) gone(pid int, timeout time.Duration) bool {
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(stopPoll) {
		if !c.owns(pid) {
			return true
		}
	}
	return false
}

// clearStale removes a postmaster.pid whose process id now belongs to another
// program: PostgreSQL takes any live process for a server. Files of dead
// processes stay, for PostgreSQL looks through them for surviving backends.
func (c cluster) clearStale() error {
	pm, ok, err := c.running()
	if err != nil || ok || pm.pid == 0 {
		return err
	}
	if err := syscall.Kill(pm.pid, 0); errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if err := os.Remove(c.pidFile()); err != nil {
		return fmt.Errorf("remove stale postmaster.pid: %w", err)
	}
	return nil
}
