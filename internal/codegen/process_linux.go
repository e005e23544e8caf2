package codegen

import (
	"os/exec"
	"runtime"
	"syscall"
)

// runProcess runs a process that ends with this one, however this one ends.
func runProcess(cmd *exec.Cmd) error {
	// The signal comes when the thread that started the process ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}
