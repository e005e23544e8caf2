package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// TestTwoAtOnce runs it twice at the same time, and a third time which is
// interrupted: none is in the way of another, and nothing is left.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	tool := filepath.Join(t.TempDir(), "lifecycle")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	instance, err := devpg.Start(t.Context(), devpg.Options{Name: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := pgx.Connect(t.Context(), instance.SuperURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	before := databases(t, conn)
	var runs sync.WaitGroup
	for range 2 {
		runs.Go(func() {
			out, err := exec.CommandContext(t.Context(), tool, "-tenants", "4", "-rounds", "1", "-lax").CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	long := exec.CommandContext(t.Context(), tool, "-tenants", "100000", "-lax")
	if err := long.Start(); err != nil {
		t.Fatal(err)
	}
	for databases(t, conn) == before {
		time.Sleep(10 * time.Millisecond)
	}
	runs.Wait()
	if err := long.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := long.Wait(); err == nil {
		t.Error("it went on after an interrupt")
	}
	if left := databases(t, conn); left > before { // Fewer, where a run had been killed.
		t.Errorf("%d databases, where %d were before", left, before)
	}
}

// databases counts those of runs.
func databases(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'bailiwick_bench_lifecycle')").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
