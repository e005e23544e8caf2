//go:build linux || darwin || freebsd

package crash_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is one that is killed.
type process struct {
	cmd    *exec.Cmd
	stderr strings.Builder
	begun  chan bool
	ended  chan struct{}
	err    error
}

func launch(t *testing.T, file string) *process {
	t.Helper()
	return launchAs(t, workEnv, file)
}

// launchAs starts a process that finds in a file what it is to do.
func launchAs(t *testing.T, env, file string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	p := &process{cmd: exec.CommandContext(ctx, self), begun: make(chan bool, 1), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env+"="+file)
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer cancel()
		defer close(p.ended)
		lines := bufio.NewScanner(out)
		p.begun <- lines.Scan()
		for lines.Scan() {
			continue // to its end
		}
		p.err = p.cmd.Wait()
	}()
	return p
}

// began waits until the process is at work. It is false for one that found
// nothing to do.
func (p *process) began(t *testing.T) bool {
	t.Helper()
	select {
	case begun := <-p.begun:
		return begun
	case <-time.After(patience):
		t.Fatal("a process does not begin")
		return false
	}
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

func (p *process) wait() error {
	<-p.ended
	if p.err != nil && !killedError(p.err) {
		return fmt.Errorf("%w: %s", p.err, p.stderr.String())
	}
	return p.err
}

// killedError tells whether a process has ended because it was killed.
func killedError(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
