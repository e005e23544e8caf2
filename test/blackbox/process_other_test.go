//go:build !linux

package blackbox_test

import "syscall"

// dieTogether is for Linux alone: elsewhere a test binary that is killed leaves
// the server behind.
func dieTogether() *syscall.SysProcAttr { return nil }
