// Package devpg runs a PostgreSQL of the project's own, for development and
// tests, from the binaries that the machine has (or, failing that, from ones it
// downloads). The first process that needs the server starts it, later ones
// attach, and it stops when the last one is gone, however that one ended.
//
// The environment can say otherwise: BAILIWICK_PG_BIN names the directory of the
// binaries, BAILIWICK_CACHE_DIR the one for the data.
//
// It imports the standard library, pgx and embedded-postgres (for the download
// only), and of this module package harden only.
package devpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// The roles and the database that every instance has.
const (
	// SuperRole is the superuser.
	SuperRole = "postgres"
	// OwnerRole owns the database and may create roles and databases.
	OwnerRole = "bailiwick_owner"
	// RuntimeRole is what a service logs in as; it inherits nothing.
	RuntimeRole = "bailiwick_app"
	// Database is the database that an instance starts with.
	Database = "bailiwick"
)

// The usual names of instances.
const (
	// Dev keeps its data and survives a crash of the machine.
	Dev = "dev"
	// Test trades durability for speed and lingers between test packages.
	Test = "test"
)

// startTimeout bounds a start, with the download that it may take, unless the
// caller's context ends earlier.
const startTimeout = 3 * time.Minute

// Options say which instance is wanted.
type Options struct {
	// Name tells several instances of a project apart; empty means Dev. Any
	// name but Test gets Dev's settings.
	Name string
	// Project is a directory inside the project; empty means the working
	// directory. The instance belongs to the nearest directory at or above
	// it that holds a go.mod, or to Project itself when there is none.
	Project string
	// CacheDir holds the data of all instances. Empty means the environment's
	// BAILIWICK_CACHE_DIR, else "bailiwick" in the user's cache directory, or
	// /var/cache/bailiwick for root. A Test instance then lives in memory where
	// there is plenty, and leaves nothing when it stops.
	CacheDir string
	// Log is told what takes time, such as the first initialisation; nil
	// means nobody.
	Log func(format string, args ...any)
}

// Instance is this process's hold on a running server. The server runs at least
// until Close, or until the process ends.
type Instance struct {
	place   place
	cluster cluster
	secret  secret
	port    int
	started bool
	users   *lockFile

	closing sync.Once
	closed  error
}

// Start attaches to the instance, starting it first when it does not run. It is
// safe to be called by many processes at once. An attached instance costs a few
// milliseconds, a first start two to three seconds.
func Start(ctx context.Context, options Options) (*Instance, error) {
	return hold(ctx, options, start)
}

// Attach attaches to the instance if it runs, and is ErrNotRunning if not.
func Attach(ctx context.Context, options Options) (*Instance, error) {
	return hold(ctx, options, func(context.Context, place) (*Instance, error) { return nil, ErrNotRunning })
}

// Resume is Start for an instance that was started before. One that never was
// has nothing to read: it is not made, and that is ErrNotRunning.
func Resume(ctx context.Context, options Options) (*Instance, error) {
	return hold(ctx, options, func(ctx context.Context, p place) (*Instance, error) {
		s, err := p.readState()
		if err != nil {
			return nil, err
		}
		if s.Major == 0 {
			return nil, ErrNotRunning
		}
		return start(ctx, p)
	})
}

// hold attaches to the instance, and does otherwise when it does not run.
func hold(ctx context.Context, options Options, otherwise func(context.Context, place) (*Instance, error)) (*Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p, err := locate(options)
	if err != nil {
		return nil, fmt.Errorf("devpg: %w", err)
	}
	users, err := lockShared(ctx, p.file("users.lock"))
	if err != nil {
		return nil, fmt.Errorf("devpg: %w", err)
	}
	in, err := attach(ctx, p)
	if errors.Is(err, ErrNotRunning) {
		in, err = otherwise(ctx, p)
	}
	if err != nil {
		return nil, fmt.Errorf("devpg: %w", errors.Join(err, users.Close()))
	}
	in.users = users
	return in, nil
}

// URL is a connection string for a role of the instance (SuperRole, OwnerRole or
// RuntimeRole) and a database.
func (in *Instance) URL(role, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, in.secret.password(role)),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(in.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SuperURL is a connection string of the superuser.
func (in *Instance) SuperURL(database string) string { return in.URL(SuperRole, database) }

// OwnerURL is a connection string of the role that owns the schemas.
func (in *Instance) OwnerURL(database string) string { return in.URL(OwnerRole, database) }

// RuntimeURL is a connection string of the role that a service logs in as.
func (in *Instance) RuntimeURL(database string) string { return in.URL(RuntimeRole, database) }

// Started reports whether this call to Start started the server, rather than
// finding it running.
func (in *Instance) Started() bool { return in.started }

// Major is the server's major version.
func (in *Instance) Major() int { return in.cluster.major }

// Dir is where the instance keeps its data and its log, postgres.log.
func (in *Instance) Dir() string { return in.place.dir }

// SocketDir is the directory of the server's Unix socket, or empty when its path
// is too long for one.
func (in *Instance) SocketDir() string { return in.place.socketDir() }

// Close gives the hold up. When it was the last one it stops the server and
// waits for that; a Test instance is left for the next test package instead and
// stops by itself some seconds later. Close may be called more than once.
func (in *Instance) Close() error {
	in.closing.Do(func() { in.closed = in.release() })
	return in.closed
}

func (in *Instance) release() error {
	if in.place.name == Test {
		return in.users.Close()
	}
	last, err := in.users.tryExclusive()
	if err == nil && last {
		err = in.cluster.stop()
	}
	if err = errors.Join(err, in.users.Close()); err != nil {
		return fmt.Errorf("devpg: %w", err)
	}
	return nil
}

// place is where an instance keeps its files, and as whom its server runs.
type place struct {
	name    string
	project string // its root
	root    string // of all projects
	memory  bool   // whether that is in memory
	dir     string // of this instance
	account account
	log     func(format string, args ...any)
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

func locate(o Options) (place, error) {
	p := place{name: o.Name, log: o.Log}
	if p.name == "" {
		p.name = Dev
	}
	if !nameForm.MatchString(p.name) {
		return place{}, fmt.Errorf("instance name %q: use lower-case letters, digits and hyphens", p.name)
	}
	if p.log == nil {
		p.log = func(string, ...any) {}
	}
	var err error
	if p.project, err = projectDir(o.Project); err != nil {
		return place{}, err
	}
	if p.account, err = serverAccount(); err != nil {
		return place{}, err
	}
	if err := p.chooseRoot(o.CacheDir); err != nil {
		return place{}, err
	}
	hashed := filepath.Join(p.root, hashOf(p.project))
	p.dir = filepath.Join(hashed, p.name)
	for _, dir := range []string{p.root, hashed, p.dir} {
		if err := ownDir(dir, p.account); err != nil {
			return place{}, err
		}
	}
	return p, p.account.reaches(p.dir)
}

func (p *place) chooseRoot(dir string) (err error) {
	if dir == "" {
		dir = os.Getenv("BAILIWICK_CACHE_DIR")
	}
	if dir == "" && p.name == Test {
		p.root = memoryRoot()
		p.memory = p.root != ""
	}
	if !p.memory {
		p.root, err = cacheRoot(dir)
	}
	return err
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

// maxSocketDir keeps the socket's path within the 103 bytes that every system
// allows.
const maxSocketDir = 80

func (p place) socketDir() string {
	if dir := p.file("run"); len(dir) <= maxSocketDir {
		return dir
	}
	return ""
}

// projectDir finds the project's root, as a path without symbolic links: the
// same project must get the same instance from wherever it is reached.
func projectDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("project directory: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", fmt.Errorf("project directory: %w", err)
	}
	for at := abs; ; at = filepath.Dir(at) {
		if info, err := os.Stat(filepath.Join(at, "go.mod")); err == nil && info.Mode().IsRegular() {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return abs, nil
		}
	}
}
