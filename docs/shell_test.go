package docs_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// commandPatience bounds one block, with all that it may have to compile.
	commandPatience = 4 * time.Minute
	stopPatience    = 30 * time.Second
)

// shell runs a page's commands one block after another, as in one terminal:
// variables and the working directory stay. What serves until Ctrl-C runs beside
// it, until the page starts the next one or ends.
type shell struct {
	t       *testing.T
	dir     string // holds what the shell remembers
	env     []string
	service *service
}

// service is a command that runs until it is stopped.
type service struct {
	cmd    *exec.Cmd
	output *syncBuffer
	done   chan error
}

func newShell(t *testing.T, dir, start string, env []string) *shell {
	t.Helper()
	s := &shell{t: t, dir: dir, env: env}
	if err := os.WriteFile(filepath.Join(dir, "cwd"), []byte(start), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	return s
}

// where is the working directory.
func (s *shell) where() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "cwd"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// serves tells commands that end with Ctrl-C from others.
var serves = regexp.MustCompile(`(^|\s)(go run \./server|pgbouncer)(\s|$)`)

func isService(command string) bool {
	return serves.MatchString(command) && !strings.Contains(command, "--help") && !strings.Contains(command, "\n#")
}

// run runs commands, each but the last of which may start a service.
func (s *shell) run(commands []string) (output string, status int) {
	var plain []string
	flush := func() {
		if len(plain) > 0 && status == 0 {
			var more string
			more, status = s.plain(strings.Join(plain, "\n"))
			output += more
		}
		plain = nil
	}
	for _, command := range commands {
		if !isService(command) {
			plain = append(plain, command)
			continue
		}
		flush()
		if status == 0 {
			output += s.serve(command)
		}
	}
	flush()
	return output, status
}

// plain runs commands that end by themselves.
func (s *shell) plain(script string) (string, int) {
	ctx, cancel := context.WithTimeout(s.t.Context(), commandPatience)
	defer cancel()
	cmd := s.command(ctx, script+"\nexport -p > "+s.dir+"/env; pwd > "+s.dir+"/cwd")
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		s.t.Fatalf("%s: %v", script, err)
	}
	return string(out), 0
}

func (s *shell) command(ctx context.Context, script string) *exec.Cmd {
	begin := "set -a; [ ! -f " + s.dir + "/env ] || . " + s.dir + "/env; cd \"$(cat " + s.dir + "/cwd)\"; set -e -o pipefail\n"
	cmd := exec.CommandContext(ctx, "bash", "-c", begin+script)
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// ready is what services say when they take requests.
var ready = regexp.MustCompile(`Ctrl-C stops|"msg":"listening"|process up`)

// serve starts a service, in place of the one before, and waits until it is ready.
func (s *shell) serve(command string) string {
	if strings.Contains(command, "go run") {
		s.stop()
	}
	v := &service{cmd: s.command(context.WithoutCancel(s.t.Context()), command), output: &syncBuffer{}, done: make(chan error, 1)}
	v.cmd.Stdout, v.cmd.Stderr = v.output, v.output
	if err := v.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { v.done <- v.cmd.Wait() }()
	if strings.Contains(command, "pgbouncer") {
		s.t.Cleanup(func() { v.stop(s.t) })
	} else {
		s.service = v
	}
	for deadline := time.Now().Add(commandPatience); ; time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-v.done:
			v.done <- err
			s.t.Fatalf("%s ended: %v\n%s", command, err, v.output)
		default:
		}
		if ready.MatchString(v.output.String()) {
			return v.output.String()
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s is not ready\n%s", command, v.output)
		}
	}
}

// stop does what Ctrl-C does.
func (s *shell) stop() {
	if s.service != nil {
		s.service.stop(s.t)
		s.service = nil
	}
}

func (v *service) stop(t *testing.T) {
	_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGINT) // it may have ended
	select {
	case <-v.done:
	case <-time.After(stopPatience):
		_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGKILL)
		t.Errorf("it did not stop:\n%s", v.output)
	}
}

// syncBuffer is written by a process while it is read here.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// commands cuts a block into commands: a line, with those that continue it by a
// backslash, and with the text of a here-document.
func commands(text string) (list []string) {
	var command []string
	here := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		command = append(command, line)
		if here == "" {
			if m := regexp.MustCompile(`<<-?\s*'?([A-Z]+)'?`).FindStringSubmatch(line); m != nil {
				here = m[1]
			}
		} else if strings.TrimSpace(line) == here {
			here = ""
		}
		if here == "" && !strings.HasSuffix(line, `\`) {
			list, command = append(list, strings.Join(command, "\n")), nil
		}
	}
	if len(command) > 0 {
		list = append(list, strings.Join(command, "\n"))
	}
	return list
}

// exchange is a command of a console block, and what is shown below it.
type exchange struct{ command, output string }

func console(text string) (list []exchange) {
	for line := range strings.Lines(text) {
		last := len(list) - 1
		switch {
		case strings.HasPrefix(line, "$ "):
			list = append(list, exchange{command: strings.TrimPrefix(line, "$ ")})
		case last < 0:
			list = append(list, exchange{command: line})
		case strings.HasSuffix(list[last].command, "\\\n"):
			list[last].command += line
		default:
			list[last].output += line
		}
	}
	return list
}

// block runs a block of commands and returns what they print.
func (s *shell) block(b block) string {
	want, _ := strconv.Atoi(b.attrs["exit"])
	if b.lang == "sh" {
		output, status := s.run(commands(b.text))
		if status != want {
			s.t.Fatalf("line %d: exit status %d instead of %d:\n%s\n%s", b.line, status, want, b.text, output)
		}
		return output
	}
	var last string
	for _, x := range console(b.text) {
		output, status := s.run(commands(x.command))
		if status != want {
			s.t.Fatalf("line %d: exit status %d instead of %d:\n%s\n%s", b.line, status, want, x.command, output)
		}
		if x.output != "" && !matches(output, x.output) {
			s.t.Errorf("line %d: %s\nprints\n%s\nand not\n%s", b.line, x.command, output, x.output)
		}
		last = output
	}
	return last
}

func TestShell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newShell(t, dir, dir, os.Environ())
	if out := s.block(block{lang: "sh", text: "X=1\nmkdir sub\ncd sub\n"}); out != "" {
		t.Error(out)
	}
	if out := s.block(block{lang: "sh", text: "echo $X \\\n  $(basename $PWD)\ncat <<END\na\nEND\n"}); out != "1 sub\na\n" {
		t.Errorf("%q", out)
	}
	s.block(block{lang: "sh", text: "false\n", attrs: map[string]string{"exit": "1"}})
	s.block(block{lang: "console", text: "$ echo a; echo b\na\n...\n$ echo c \\\n  d\nc d\n"})
	for command, want := range map[string]bool{"PORT=1 go run ./server  # it": true, "go run ./server --help": false, "go test ./server": false} {
		if isService(command) != want {
			t.Errorf("%s: %t", command, !want)
		}
	}
}
