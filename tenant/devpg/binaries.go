package devpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// minMajor is the oldest PostgreSQL that Bailiwick supports.
const minMajor = 15

// binaries is a directory with initdb and postgres of one version.
type binaries struct {
	dir   string
	major int
}

// findBinaries looks for a PostgreSQL on this machine and downloads one when
// there is none. Among several it takes the one of the major version preferred,
// which is that of the data already there, and else the first in the order of
// candidateDirs.
func findBinaries(ctx context.Context, p place, preferred int) (binaries, error) {
	if dir := os.Getenv("BAILIWICK_PG_BIN"); dir != "" {
		b, err := inspect(ctx, dir)
		if err != nil {
			return binaries{}, fmt.Errorf("BAILIWICK_PG_BIN: %w", err)
		}
		return b, nil
	}
	var first *binaries
	var refused []error
	for _, dir := range candidateDirs() {
		b, err := inspect(ctx, dir)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		if preferred == 0 || b.major == preferred {
			return b, nil
		}
		if first == nil {
			first = &b
		}
	}
	if first != nil {
		return *first, nil
	}
	b, err := download(ctx, p, downloadSource{})
	if err != nil {
		refused = append(refused, err)
		return binaries{}, fmt.Errorf(
			"no PostgreSQL %d or newer: install one, name its bin directory in BAILIWICK_PG_BIN, or set DATABASE_URL: %w",
			minMajor, errors.Join(refused...))
	}
	return b, nil
}

// candidateDirs lists where packages put the server's binaries, newest version
// first within a place. PATH may hold links (or Debian's wrappers), so links
// are followed to the directory in which all the binaries are.
func candidateDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                   // PGDG on Red Hat and its kin
		"/usr/libexec/postgresql*",                           // Alpine
		"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
		"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
		"/usr/local/pgsql/bin",                               // built from source
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // only for a malformed pattern
		}
		slices.SortFunc(found, func(a, b string) int { return lastNumber(b) - lastNumber(a) })
		dirs = append(dirs, found...)
	}
	return slices.Compact(dirs)
}

var number = regexp.MustCompile(`[0-9]+`)

func lastNumber(s string) int {
	all := number.FindAllString(s, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.Atoi(all[len(all)-1])
	if err != nil {
		return 0
	}
	return n
}

var versionLine = regexp.MustCompile(`PostgreSQL\) (\d+)`)

// inspect says which version lies in dir, or why it is of no use.
func inspect(ctx context.Context, dir string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, fmt.Errorf("no initdb beside postgres: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return binaries{}, fmt.Errorf("%s: %w: %s", cmd.Path, err, bytes.TrimSpace(stderr.Bytes()))
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s --version says %q", cmd.Path, bytes.TrimSpace(out))
	}
	major, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return binaries{}, fmt.Errorf("%s --version: %w", cmd.Path, err)
	}
	if major < minMajor {
		return binaries{}, fmt.Errorf("%s is PostgreSQL %d, older than %d", dir, major, minMajor)
	}
	return binaries{dir: dir, major: major}, nil
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }
