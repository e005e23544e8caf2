package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Slow queries of one tenant don't make the service look as if its database were gone.
func TestReadyWhileATenantIsSlow(t *testing.T) {
	t.Parallel()
	const conns = 2
	c := newConfigured(t, "DATABASE_MAX_CONNS="+strconv.Itoa(conns))
	unlock := lockScans(t, c)
	var group sync.WaitGroup
	defer func() {
		unlock()
		group.Wait()
	}()
	for range conns {
		group.Go(func() {
			if status, body := c.send(t, 0, "GET", "/v1/scans", ""); status != http.StatusOK {
				t.Errorf("a slow request: %d %s", status, body)
			}
		})
	}
	waiting(t, c, conns)
	began := time.Now()
	for range 3 {
		if status, body := ask(t, c, "/readyz"); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the probes took %s", took)
	}
}

// lockScans makes all readers of the first tenant's scans wait.
func lockScans(t *testing.T, c *configured) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+c.Tenants[0].Schema()+".scans"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

// waiting returns once so many statements of the test's database wait for a lock.
func waiting(t *testing.T, c *configured, want int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n >= want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d statements wait, want %d", n, want)
		}
	}
}

// ask asks the service as a probe does, by its address and without a token.
func ask(t *testing.T, c *configured, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.addr+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
