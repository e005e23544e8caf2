//go:build unix

package outputs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock waits until no other run works on the project. The lock is on the
// folder itself, so that it leaves no file behind and dies with the process.
func lock(root string) (release func() error, err error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, fmt.Errorf("lock the project: %w", err)
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the project: %w", err), dir.Close())
	}
	return dir.Close, nil
}
