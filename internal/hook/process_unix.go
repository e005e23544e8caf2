//go:build unix

package hook

import (
	"os/exec"
	"syscall"
)

// apart runs a command in a process group of its own: Ctrl-C is for the tool,
// which lets the steps in hand end, and a command is told to end with what it has
// started.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// killRest ends what is left of a command that was told to end and has had its grace.
func killRest(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // Mostly nobody is left.
	}
}
