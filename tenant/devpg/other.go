//go:build !linux && !darwin && !freebsd

package devpg

import (
	"context"
	"errors"
	"os"
	"syscall"
)

var errSystem = errors.New("no embedded PostgreSQL on this operating system: set DATABASE_URL and DATABASE_OWNER_URL")

type account struct{}

func serverAccount() (account, error)             { return account{}, errSystem }
func (account) process(bool) *syscall.SysProcAttr { return nil }
func (account) own(string) error                  { return errSystem }
func (account) reaches(string) error              { return errSystem }
func cacheRoot(string) (string, error)            { return "", errSystem }
func ownDir(string, account) error                { return errSystem }
func hashOf(string) string                        { return "" }

type lockFile struct{ file *os.File }

func openLock(string) (*lockFile, error)                       { return nil, errSystem }
func lockShared(context.Context, string) (*lockFile, error)    { return nil, errSystem }
func lockExclusive(context.Context, string) (*lockFile, error) { return nil, errSystem }
func (*lockFile) tryExclusive() (bool, error)                  { return false, errSystem }
func (*lockFile) waitExclusive() error                         { return errSystem }
func (*lockFile) unlock() error                                { return errSystem }
func (*lockFile) Close() error                                 { return errSystem }

type postmaster struct {
	pid, port int
	ready     bool
}

func (cluster) running() (postmaster, bool, error) { return postmaster{}, false, errSystem }
func (cluster) stop() error                        { return errSystem }
func (cluster) clearStale() error                  { return errSystem }
