//go:build linux || darwin || freebsd

package devpg_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// userEnv makes the test binary a plain user of an instance: another process.
const userEnv = "DEVPG_TEST_USER"

func TestMain(m *testing.M) {
	if text := os.Getenv(userEnv); text != "" {
		if err := beUser(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beUser holds an instance until its standard input ends.
func beUser(text string) error {
	var o devpg.Options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	in, err := devpg.Start(context.Background(), o)
	if err != nil {
		return err
	}
	fmt.Println(in.Started(), in.SuperURL(devpg.Database))
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, in.Close())
}

// options for an instance of the test's own.
func options(t *testing.T, name string) devpg.Options {
	t.Helper()
	// Not t.TempDir: only its owner may enter it, and the server of a root
	// user runs as somebody else.
	base := ""
	if memory := devpg.MemoryRoot(); memory != "" {
		base = filepath.Dir(memory) // these instances wait for their disk
	}
	dir, err := os.MkdirTemp(base, "devpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return devpg.Options{Name: name, CacheDir: filepath.Join(dir, "cache")}
}

func start(t *testing.T, o devpg.Options) *devpg.Instance {
	t.Helper()
	o.Log = t.Logf
	in, err := devpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeInstance(t, in) })
	return in
}

func closeInstance(t *testing.T, in *devpg.Instance) {
	t.Helper()
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

func exec1(ctx context.Context, url, sql string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

func must(t *testing.T, url, sql string) {
	t.Helper()
	if err := exec1(t.Context(), url, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	first := start(t, o)
	if !first.Started() {
		t.Error("the first one did not start the server")
	}
	must(t, first.OwnerURL(devpg.Database), "CREATE TABLE public.kept (id int)")

	second := start(t, o)
	if second.Started() {
		t.Error("the second one started a server again")
	}
	closeInstance(t, first)
	must(t, second.OwnerURL(devpg.Database), "INSERT INTO public.kept VALUES (1)")
	closeInstance(t, second)
	if err := exec1(t.Context(), second.SuperURL(devpg.Database), "SELECT 1"); err == nil {
		t.Fatal("the server runs after the last Close")
	}

	third := start(t, o)
	must(t, third.OwnerURL(devpg.Database), "SELECT 1 / count(*) FROM public.kept")
	if a, b := second.OwnerURL(""), third.OwnerURL(""); a != b {
		t.Errorf("the URL changed from %s to %s", a, b)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	in := start(t, options(t, devpg.Dev))
	for _, c := range []struct{ role, sql, code string }{
		{devpg.OwnerRole, "CREATE SCHEMA s", ""},
		{devpg.OwnerRole, "CREATE ROLE r", ""},
		{devpg.OwnerRole, "CREATE DATABASE d", ""},
		{devpg.OwnerRole, "CREATE ROLE superb SUPERUSER", "42501"},
		{devpg.RuntimeRole, "SELECT 1", ""},
		{devpg.RuntimeRole, "CREATE TEMP TABLE t ()", "42501"},
		{devpg.RuntimeRole, "CREATE TABLE public.t ()", "42501"},
		{devpg.RuntimeRole, "CREATE SCHEMA s2", "42501"},
		{devpg.RuntimeRole, "CREATE ROLE r2", "42501"},
		{devpg.RuntimeRole, "SET ROLE " + devpg.OwnerRole, "42501"},
	} {
		err := exec1(t.Context(), in.URL(c.role, devpg.Database), c.sql)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == c.code || err == nil && c.code == "" {
			continue
		}
		t.Errorf("%s: %s: got %v, want code %q", c.role, c.sql, err, c.code)
	}
	if err := exec1(t.Context(), in.RuntimeURL("postgres"), "SELECT 1"); err == nil {
		t.Error("the runtime role may connect to database postgres")
	}
}

// user is a process that holds an instance.
type user struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	started bool
	url     string
}

func startUser(t *testing.T, o devpg.Options) (*user, error) {
	o.Log = nil
	text, err := json.Marshal(struct{ Name, Project, CacheDir string }{o.Name, o.Project, o.CacheDir})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), userEnv+"="+string(text))
	cmd.Stderr = t.Output()
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), cmd.Wait())
	}
	u := &user{cmd: cmd, stdin: stdin}
	_, err = fmt.Sscan(line, &u.started, &u.url)
	return u, err
}

func TestConcurrentStart(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	const processes = 4
	var (
		group sync.WaitGroup
		users [processes]*user
		errs  [processes]error
	)
	for i := range processes {
		group.Go(func() { users[i], errs[i] = startUser(t, o) })
	}
	group.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	starters := 0
	for _, u := range users {
		if u.started {
			starters++
		}
		must(t, u.url, "SELECT 1")
	}
	if starters != 1 {
		t.Errorf("%d processes started the server, want 1", starters)
	}
	for _, u := range users {
		if err := errors.Join(u.stdin.Close(), u.cmd.Wait()); err != nil {
			t.Error(err)
		}
	}
	awaitStop(t, users[0].url)
}

func awaitStop(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if exec1(t.Context(), url, "SELECT 1") != nil {
			return
		}
	}
	t.Fatal("the server still runs")
}

func TestKilledUser(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	u, err := startUser(t, o)
	if err != nil {
		t.Fatal(err)
	}
	must(t, u.url, "CREATE TABLE public.kept ()")
	if err := u.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := u.cmd.Wait(); err == nil {
		t.Error("the user was not killed")
	}
	awaitStop(t, u.url)
	in := start(t, o)
	must(t, in.SuperURL(devpg.Database), "TABLE public.kept")
}

// TestCrash kills the server itself, under its users' feet.
func TestCrash(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	in := start(t, o)
	// Dev does not wait for the disk, so a crash may lose the last moments.
	must(t, in.OwnerURL(devpg.Database), "SET synchronous_commit = on; CREATE TABLE public.kept ()")
	if err := syscall.Kill(postmaster(t, in), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again := start(t, o)
	must(t, again.OwnerURL(devpg.Database), "TABLE public.kept")
	must(t, in.OwnerURL(devpg.Database), "TABLE public.kept") // same port
}

func postmaster(t *testing.T, in *devpg.Instance) int {
	t.Helper()
	text, err := os.ReadFile(pidFile(in))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func pidFile(in *devpg.Instance) string {
	return filepath.Join(in.Dir(), fmt.Sprintf("data-%d", in.Major()), "postmaster.pid")
}

// TestAttach finds an instance that runs, and starts none.
func TestAttach(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	if _, err := devpg.Attach(t.Context(), o); !errors.Is(err, devpg.ErrNotRunning) {
		t.Fatalf("before a start: %v", err)
	}
	in, err := devpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	attached, err := devpg.Attach(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if attached.Started() || attached.SuperURL(devpg.Database) != in.SuperURL(devpg.Database) {
		t.Error("it is another server")
	}
	if err := errors.Join(attached.Close(), in.Close()); err != nil {
		t.Error(err)
	}
	if _, err := devpg.Attach(t.Context(), o); !errors.Is(err, devpg.ErrNotRunning) {
		t.Errorf("after the last Close: %v", err)
	}
}

// TestResume starts again what was started before, and makes nothing.
func TestResume(t *testing.T) {
	t.Parallel()
	o := options(t, devpg.Dev)
	if _, err := devpg.Resume(t.Context(), o); !errors.Is(err, devpg.ErrNotRunning) {
		t.Fatalf("before a start: %v", err)
	}
	in, err := devpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	must(t, in.OwnerURL(devpg.Database), "CREATE TABLE public.kept (id int)")
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if in, err = devpg.Resume(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	must(t, in.OwnerURL(devpg.Database), "TABLE public.kept")
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}
