package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// wire is a proxy in front of PostgreSQL that counts round trips: how often the
// client speaks again after the server has.
type wire struct {
	mu     sync.Mutex
	trips  int
	server bool // The server spoke last.
}

func (w *wire) said(server bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !server && w.server {
		w.trips++
	}
	w.server = server
}

func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trips, w.server = 0, true
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trips
}

// proxy listens on loopback and returns the URL that goes through it.
func (w *wire) proxy(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); wg.Wait() })
	backend := u.Host
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", backend)
			if err != nil {
				_ = client.Close()
				return
			}
			wg.Go(func() { w.pump(server, client, false) })
			wg.Go(func() { w.pump(client, server, true) })
		}
	})
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	return u.String()
}

func (w *wire) pump(to, from net.Conn, server bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			w.said(server)
			if _, err := to.Write(buf[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if err := errors.Join(to.Close(), from.Close()); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
		return
	}
}

// A bound query is one round trip, and n statements in a transaction are n+2,
// counted on the wire. Only the very first use of a statement asks for its types.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for name, config := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w wire
			db := open(t, config)
			config.URL, config.MaxConns = w.proxy(t, db.RuntimeURL), 1
			proxied, err := tenant.Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxied.Close)
			acme, globex := bind(t, proxied, db.Tenants[0]), bind(t, proxied, db.Tenants[1])
			work := map[string]func(*tenant.Querier) error{
				"QueryRow": func(q *tenant.Querier) error {
					_, err := one[string](t.Context(), q, "SELECT body FROM notes WHERE id = $1", int64(1))
					return err
				},
				"Exec": func(q *tenant.Querier) error {
					_, err := q.Exec(t.Context(), "UPDATE kinds SET mood = $1", mood("sad"))
					return err
				},
				"SendBatch": func(q *tenant.Querier) error {
					b := &pgx.Batch{}
					for i := range 50 {
						b.Queue("INSERT INTO notes (body) VALUES ($1)", fmt.Sprint(i))
					}
					return q.SendBatch(t.Context(), b).Close()
				},
			}
			for name, fn := range work {
				if err := fn(acme); err != nil { // Learns the statement's types.
					t.Fatal(name, err)
				}
				for tenantName, q := range map[string]*tenant.Querier{"acme": acme, "globex": globex, "acme again": acme} {
					w.reset()
					if err := fn(q); err != nil {
						t.Fatal(name, tenantName, err)
					}
					if n := w.count(); n != 1 {
						t.Errorf("%s for %s: %d round trips, want 1", name, tenantName, n)
					}
				}
			}
			for n := range 4 {
				w.reset()
				err := globex.InTx(t.Context(), tenant.TxOptions{}, func(_ context.Context, tx *tenant.Querier) error {
					for range n {
						if err := work["QueryRow"](tx); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := w.count(); got > n+2 {
					t.Errorf("InTx with %d statements: %d round trips, want at most %d", n, got, n+2)
				}
			}
		})
	}
}
