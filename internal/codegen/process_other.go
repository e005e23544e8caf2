//go:build !linux

package codegen

import "os/exec"

// runProcess runs a process, which may survive this one where that is killed.
func runProcess(cmd *exec.Cmd) error { return cmd.Run() }
