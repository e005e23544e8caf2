package blackbox_test

import (
	"runtime"
	"syscall"
)

// dieTogether ends what is started with this process: the signal comes when the
// thread that started it ends, so the caller, TestMain, stays on its thread.
func dieTogether() *syscall.SysProcAttr {
	runtime.LockOSThread()
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
