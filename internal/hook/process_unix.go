//go:build unix

package hook

import (
	"os/exec"
	"syscall"
)

// apart runs a command in a process group of its own: Ctrl-C is for the tool,
// which lets the steps in hand end, and a command is ended with what it has started.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
