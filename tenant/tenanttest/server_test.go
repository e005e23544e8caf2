//go:build linux || darwin || freebsd

package tenanttest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// TestServerOfOnesOwn runs some of these tests once more, on a server named by
// TEST_DATABASE_URL, where an earlier run was killed and left things behind.
func TestServerOfOnesOwn(t *testing.T) {
	t.Parallel()
	const inner = "TENANTTEST_INNER"
	if os.Getenv(inner) != "" {
		return // this is that run
	}
	in := startOther(t)
	conn, err := pgx.Connect(t.Context(), in.SuperURL(devpg.SuperRole))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(t.Context()); err != nil {
			t.Logf("close: %v", err) // the context has ended, the server is about to
		}
	})
	const (
		role    = "t_00000000000040008000000000000000"
		scratch = "t_ba111c1c000000000000000000000000" // Nothing refers to it yet.
	)
	for _, sql := range []string{
		"CREATE DATABASE bw_test_deadbeef_1", "CREATE DATABASE bw_test_of_somebody", "CREATE ROLE " + role, "CREATE ROLE " + scratch,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^(TestNew|TestDatabase)$", "-test.v")
	cmd.Env = append(os.Environ(), inner+"=1", "TEST_DATABASE_URL="+in.SuperURL(devpg.SuperRole))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestNew") {
		t.Errorf("TestNew did not run: %s", out)
	}

	rows, err := conn.Query(t.Context(), `
		SELECT datname FROM pg_database WHERE datname LIKE 'bw\_test\_%'
		UNION ALL SELECT rolname FROM pg_roles WHERE rolname IN ($1, $2) ORDER BY 1`, role, scratch)
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"bw_test_of_somebody", scratch}, left); diff != "" {
		t.Error(diff)
	}
}

// startOther starts an instance beside the one that the tests share.
func startOther(t *testing.T) *devpg.Instance {
	t.Helper()
	dir, err := os.MkdirTemp("", "tenanttest-") // not t.TempDir: the server's account must enter it
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
	in, err := devpg.Start(t.Context(), devpg.Options{Name: "other", CacheDir: filepath.Join(dir, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}
