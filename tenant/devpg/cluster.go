package devpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cluster is one data directory.
type cluster struct {
	dir   string
	major int
}

func (p place) cluster(major int) cluster {
	return cluster{dir: p.file("data-" + strconv.Itoa(major)), major: major}
}

// clusters lists the data directories of all major versions that were ever used.
func (p place) clusters() ([]cluster, error) {
	dirs, err := filepath.Glob(p.file("data-*"))
	if err != nil {
		return nil, fmt.Errorf("list data directories: %w", err)
	}
	var all []cluster
	for _, dir := range dirs {
		if major, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "data-")); err == nil {
			all = append(all, cluster{dir: dir, major: major})
		}
	}
	return all, nil
}

// initialise makes the cluster's data directory unless it is there. It is
// complete as soon as it has its name: initdb works in a temporary one.
func (p place) initialise(ctx context.Context, b binaries) (cluster, error) {
	c := p.cluster(b.major)
	if _, err := os.Lstat(c.dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	p.log("initialising PostgreSQL %d in %s", b.major, c.dir)
	if err := errors.Join(p.prune(), p.removeUnfinished()); err != nil {
		return c, err
	}
	scratch, err := os.MkdirTemp(p.dir, unfinished)
	if err != nil {
		return c, fmt.Errorf("initialise: %w", err)
	}
	if err := p.account.own(scratch); err != nil {
		return c, err
	}
	if err := p.initdb(ctx, b, scratch); err != nil {
		return c, errors.Join(err, os.RemoveAll(scratch))
	}
	if err := os.Rename(scratch, c.dir); err != nil {
		return c, fmt.Errorf("initialise: %w", err)
	}
	return c, nil
}

const unfinished = "unfinished-"

func (p place) removeUnfinished() error {
	left, err := filepath.Glob(p.file(unfinished + "*"))
	if err != nil {
		return fmt.Errorf("list unfinished data directories: %w", err)
	}
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

func (p place) initdb(ctx context.Context, b binaries, dir string) error {
	s := newSecret()
	password := p.file("initdb.password")
	if err := s.writePassword(password, p.account); err != nil {
		return err
	}
	defer os.Remove(password) //nolint:errcheck // initialise is locked, and the next run overwrites it
	err := p.runInitdb(ctx, b, dir, password, utf8Locale(b.major)...)
	if err != nil && strings.Contains(err.Error(), "invalid locale") {
		err = p.runInitdb(ctx, b, dir, password, "--locale=C") // a libc without C.UTF-8
	}
	if err != nil {
		return err
	}
	return s.write(dir, p.account)
}

// utf8Locale sorts by code point, which is the same on every machine, and knows
// the letters of all languages.
func utf8Locale(major int) []string {
	if major >= 17 {
		return []string{"--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"}
	}
	return []string{"--locale=C.UTF-8"}
}

func (p place) runInitdb(ctx context.Context, b binaries, dir, password string, locale ...string) error {
	args := slices.Concat([]string{
		"--pgdata=" + dir, "--username=" + SuperRole, "--pwfile=" + password,
		"--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions",
	}, locale)
	if p.name == Test {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, b.path("initdb"), args...)
	cmd.Dir = "/"
	cmd.Env = serverEnv()
	cmd.SysProcAttr = p.account.process(true)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, bytes.TrimSpace(out))
	}
	return nil
}

// serverEnv is this process's environment without what would steer PostgreSQL.
func serverEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "LC_") || strings.HasPrefix(kv, "BAILIWICK_")
	})
	return append(env, "LC_ALL=C", "TZ=UTC")
}

// freePort returns preferred when nobody listens on it, else some free port.
func freePort(ctx context.Context, preferred int) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(preferred)))
	if err != nil && preferred != 0 {
		return freePort(ctx, 0)
	}
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil || !ok {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return addr.Port, nil
}

// settings of the server. Nothing of a Test instance is worth keeping, so it
// never waits for the disk.
func (p place) settings(port int) []string {
	s := []string{
		"port=" + strconv.Itoa(port),
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=" + quotedDir(p.socketDir()),
		"shared_buffers=128MB",
		"max_locks_per_transaction=256", // a schema's DDL or purge takes some 170 locks
		"jit=off",
		"timezone=UTC",
		"log_timezone=UTC",
		"synchronous_commit=off",
		"wal_level=minimal",
		"max_wal_senders=0",
	}
	if p.name != Test {
		return append(s, "max_connections=100")
	}
	s = append(s, "max_connections=300", "fsync=off", "full_page_writes=off",
		"checkpoint_timeout=1h", "autovacuum_naptime=5min")
	if p.memory {
		return append(s, "max_wal_size=256MB")
	}
	return append(s, "max_wal_size=2GB")
}

// quotedDir protects spaces and commas, which separate directories in the setting.
func quotedDir(dir string) string {
	if dir == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(dir, `"`, `""`) + `"`
}

// server is a postmaster that this process started.
type server struct {
	exited chan struct{}
	err    error
}

// launch starts a postmaster on the cluster. It outlives this process; until
// then this process reaps it.
func (p place) launch(b binaries, c cluster, port int) (*server, error) {
	log, err := os.OpenFile(p.file("postgres.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	args := []string{"-D", c.dir}
	for _, setting := range p.settings(port) {
		args = append(args, "-c", setting)
	}
	// Not CommandContext: the server must not die with the caller's context.
	cmd := exec.Command(b.path("postgres"), args...) //nolint:noctx // see above
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", serverEnv(), log, log
	cmd.SysProcAttr = p.account.process(true)
	err = cmd.Start()
	if err = errors.Join(err, log.Close()); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s := &server{exited: make(chan struct{})}
	go func() {
		defer close(s.exited)
		s.err = cmd.Wait()
	}()
	return s, nil
}

// logTail is the end of the server's log, for error messages.
func (p place) logTail() string {
	text, err := os.ReadFile(p.file("postgres.log"))
	if err != nil {
		return err.Error()
	}
	const keep = 2000
	return string(bytes.TrimSpace(text[max(0, len(text)-keep):]))
}
