//go:build linux || darwin || freebsd

package devpg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the server runs as. PostgreSQL refuses to run as root, so
// root hands it to somebody else.
type account struct {
	drop     bool
	name     string
	uid, gid uint32
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return account{}, fmt.Errorf("account %q: %w", name, err)
		}
		return account{drop: true, name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return account{}, errors.New(
		"PostgreSQL does not run as root and there is no account postgres or nobody: run as another user, or set DATABASE_URL")
}

// process detaches a child from the terminal and from this process's group, and
// gives it to the account when asServer.
func (a account) process(asServer bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if asServer && a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own hands a file or directory to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("hand over to %s: %w", a.name, err)
	}
	return nil
}

// reaches reports an error unless the account may pass through every directory
// down to dir.
func (a account) reaches(dir string) error {
	if !a.drop {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("reach the data directory: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("the server runs as %s, who cannot enter %s: set BAILIWICK_CACHE_DIR to a place that everyone can reach", a.name, at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// cacheRoot is not under root's home, which the server's account cannot enter,
// nor in a world-writable directory, where others could plant things and where
// files are removed by age.
func cacheRoot(dir string) (string, error) {
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/cache/bailiwick"
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a place for the data (set BAILIWICK_CACHE_DIR): %w", err)
		}
		dir = filepath.Join(base, "bailiwick")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("cache directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // The server's account must get through.
		return "", fmt.Errorf("cache directory: %w", err)
	}
	return dir, nil
}

// ownDir makes dir unless it is there, and refuses one that is a symbolic link,
// somebody else's, or writable by others.
func ownDir(dir string, a account) error {
	mode := fs.FileMode(0o700)
	if a.drop {
		mode = 0o711
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cache directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("cache directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s must be a directory of your own that nobody else can write to: remove it, or set BAILIWICK_CACHE_DIR", dir)
	}
	if info.Mode().Perm()&mode == mode {
		return nil
	}
	if err := os.Chmod(dir, mode); err != nil { // the umask took too much
		return fmt.Errorf("cache directory: %w", err)
	}
	return nil
}

func hashOf(project string) string {
	sum := sha256.Sum256([]byte(project))
	return hex.EncodeToString(sum[:6])
}
