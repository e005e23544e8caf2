//go:build linux || darwin || freebsd

package devpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockPoll is how often a lock that is taken is tried again: flock cannot be
// interrupted, so waiting for it would not heed the context.
const lockPoll = 10 * time.Millisecond

// lockFile is an open file with an advisory lock. The kernel drops the lock
// when the process ends in whatever way, which is what the reference counting
// rests on.
type lockFile struct{ file *os.File }

func openLock(path string) (*lockFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return &lockFile{file: f}, nil
}

func lockShared(ctx context.Context, path string) (*lockFile, error) {
	return lock(ctx, path, syscall.LOCK_SH)
}

func lockExclusive(ctx context.Context, path string) (*lockFile, error) {
	return lock(ctx, path, syscall.LOCK_EX)
}

func lock(ctx context.Context, path string, how int) (*lockFile, error) {
	l, err := openLock(path)
	if err != nil {
		return nil, err
	}
	for {
		got, err := l.try(how)
		if got {
			return l, nil
		}
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for %s: %w", path, context.Cause(ctx)), l.Close())
		}
	}
}

// try takes the lock without waiting. A lock that this file had before may be
// lost even when it fails.
func (l *lockFile) try(how int) (bool, error) {
	err := l.flock(how | syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func (l *lockFile) tryExclusive() (bool, error) { return l.try(syscall.LOCK_EX) }

// waitExclusive waits for as long as it takes.
func (l *lockFile) waitExclusive() error { return l.flock(syscall.LOCK_EX) }

func (l *lockFile) unlock() error { return l.flock(syscall.LOCK_UN) }

func (l *lockFile) flock(how int) error {
	for {
		err := syscall.Flock(int(l.file.Fd()), how)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
		return nil
	}
}

// Close drops the lock, unless a child process inherited the open file.
func (l *lockFile) Close() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("drop lock: %w", err)
	}
	return nil
}
