package devpg

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// memoryNeeded is what must be free for a Test instance to live in memory;
	// it takes some 300 MB, more when a run makes many databases.
	memoryNeeded = 4 << 30
	// memoryLinux is the file system in memory that every Linux has.
	memoryLinux = "/dev/shm"
	tmpfsMagic  = 0x01021994
)

// memoryRoot is where a Test instance can live in memory. A database is some
// hundred small files, which a disk's file system is slow to make and remove
// for each test. It is empty where there is no such place or too little of it.
func memoryRoot() string {
	root := filepath.Join(memoryLinux, "bailiwick-"+strconv.Itoa(os.Geteuid()))
	if _, err := os.Lstat(root); err == nil {
		return root // an earlier run found it to fit, and may be going on
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memoryLinux, &fs); err != nil || fs.Type != tmpfsMagic {
		return ""
	}
	free := fs.Bavail * uint64(fs.Bsize) //nolint:gosec // a block size is positive
	if free < memoryNeeded || memoryAvailable() < memoryNeeded {
		return ""
	}
	return root
}

// memoryAvailable is in bytes, 0 if unknown. A container may have less than the
// machine.
func memoryAvailable() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var available uint64
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if kb, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(kb, "kB")), 10, 54)
			if err != nil {
				return 0
			}
			available = n << 10
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil {
			available = min(available, limit) // "max" is no number
		}
	}
	return available
}
