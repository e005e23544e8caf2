//go:build !linux

package devpg

// memoryRoot is empty: there is no file system in memory that is always there.
func memoryRoot() string { return "" }
