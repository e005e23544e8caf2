package routing_test

import (
	"context"

	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const (
	servers = 3
	// bound is how long after the commit a request may be sent that is served
	// still. The test counts from when a request was sent, and from when Suspend
	// has returned, so that a machine that is slow to answer breaks no promise.
	bound = time.Second
	// settled is for how long after that nobody may be served.
	settled = 500 * time.Millisecond
)

// fleet are three servers of one database.
type fleet struct {
	db      *tenanttest.DB
	issuer  *servicetest.Issuer
	servers []*server
}

// newFleet starts the servers. TENANT_CACHE_EXPIRY is so long that only what they
// hear, or that they hear nothing, makes them ask again.
func newFleet(t *testing.T, settings func(db *tenanttest.DB) []string) *fleet {
	t.Helper()
	f := &fleet{db: tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), issuer: servicetest.NewIssuer(t)}
	all := append(f.issuer.Settings(), "BASE_DOMAIN=app.example", "SECRET_KEYS="+keyring.Generate("test"), "TENANT_CACHE_EXPIRY=1h")
	all = append(all, settings(f.db)...)
	for range servers {
		f.servers = append(f.servers, start(t, all))
	}
	return f
}

// hear waits until all servers hear of changes.
func (f *fleet) hear(t *testing.T) {
	t.Helper()
	for _, s := range f.servers {
		await(t, "a server hears", func() bool { return s.says("changes of tenants are heard of") > 0 })
	}
}

// served waits until all servers serve a tenant.
func (f *fleet) served(t *testing.T, host string, to tenant.Tenant) {
	t.Helper()
	token := f.issuer.Token(t, to, servicetest.Subject)
	for _, s := range f.servers {
		await(t, "a server serves "+host, func() bool { status, _ := s.ask(t, host, token); return status == http.StatusOK })
	}
}

// suspended suspends a tenant, and returns how long after the commit each server
// was sent the last request that it served.
func (f *fleet) suspended(t *testing.T, to tenant.Tenant) []time.Duration {
	t.Helper()
	f.served(t, "acme.app.example", to)
	if _, err := f.db.Catalog.Suspend(t.Context(), catalog.Ref{ID: to.ID}, "past due"); err != nil {
		t.Fatal(err)
	}
	committed := time.Now()
	token := f.issuer.Token(t, to, servicetest.Subject)
	last := make([]time.Duration, servers)
	var group sync.WaitGroup
	for i, s := range f.servers {
		group.Go(func() {
			for time.Since(committed) < bound+settled {
				status, sent := s.ask(t, "acme.app.example", token)
				switch status {
				case http.StatusOK:
					last[i] = sent.Sub(committed)
				case http.StatusForbidden:
				default:
					t.Errorf("server %d answers %d", i, status)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	group.Wait()
	for i, d := range last {
		if d >= bound {
			t.Errorf("server %d serves a tenant that was suspended %s before", i, d)
		}
	}
	t.Logf("last served after: %v", last)
	if _, err := f.db.Catalog.Resume(t.Context(), catalog.Ref{ID: to.ID}); err != nil {
		t.Fatal(err)
	}
	f.served(t, "acme.app.example", to)
	return last
}

func direct(db *tenanttest.DB) []string { return []string{"DATABASE_URL=" + db.RuntimeURL} }

// TestSuspendedOnEveryServer: what is told is heard at once.
func TestSuspendedOnEveryServer(t *testing.T) {
	t.Parallel()
	f := newFleet(t, direct)
	f.hear(t)
	for range 3 {
		f.suspended(t, f.db.Tenants[0])
	}
	f.served(t, "globex.app.example", f.db.Tenants[1])
}

// TestSuspendedWithoutListeners: their connections are cut just before, and again
// whenever they are back.
func TestSuspendedWithoutListeners(t *testing.T) {
	t.Parallel()
	f := newFleet(t, direct)
	f.hear(t)
	f.served(t, "acme.app.example", f.db.Tenants[0])
	super, err := pgx.Connect(t.Context(), f.db.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	cut := func(ctx context.Context) int64 {
		tag, err := super.Exec(ctx, `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
			WHERE datname = current_database() AND application_name = $1`, catalog.ListenerName)
		if err != nil {
			t.Error(err)
		}
		return tag.RowsAffected()
	}
	if n := cut(t.Context()); n < servers {
		t.Fatalf("%d listeners were cut off", n)
	}
	f.suspended(t, f.db.Tenants[0])

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			cut(context.WithoutCancel(ctx))
			time.Sleep(time.Millisecond)
		}
	}()
	f.suspended(t, f.db.Tenants[0])
	stop()
	<-done
	if err := super.Close(t.Context()); err != nil {
		t.Error(err)
	}
	f.suspended(t, f.db.Tenants[0])
}

// TestSuspendedBehindPgBouncer: in transaction mode LISTEN succeeds, and is lost.
func TestSuspendedBehindPgBouncer(t *testing.T) {
	t.Parallel()
	var pooled string
	f := newFleet(t, func(db *tenanttest.DB) []string {
		pooled = at(t, db.RuntimeURL, tenanttest.PgBouncer(t, db.RuntimeURL, servers*3))
		return []string{"DATABASE_URL=" + pooled, "DATABASE_UNNAMED=true"}
	})
	for _, s := range f.servers {
		await(t, "a server knows that it hears nothing", func() bool { return s.says("set DATABASE_LISTEN_URL") == 1 })
	}
	f.suspended(t, f.db.Tenants[0])
	for _, s := range f.servers {
		if s.says("changes of tenants are heard of") > 0 {
			t.Error("a server believes that it hears through PgBouncer")
		}
	}
}

// TestSuspendedBehindPgBouncerWithListener has a way past PgBouncer to listen.
func TestSuspendedBehindPgBouncerWithListener(t *testing.T) {
	t.Parallel()
	f := newFleet(t, func(db *tenanttest.DB) []string {
		pooled := at(t, db.RuntimeURL, tenanttest.PgBouncer(t, db.RuntimeURL, servers*3))
		return []string{"DATABASE_URL=" + pooled, "DATABASE_UNNAMED=true", "DATABASE_LISTEN_URL=" + db.RuntimeURL}
	})
	f.hear(t)
	f.suspended(t, f.db.Tenants[0])
}

// TestSuspendedWhileFrozen: the network swallows what is said, without a word.
func TestSuspendedWhileFrozen(t *testing.T) {
	t.Parallel()
	var w *wire
	f := newFleet(t, func(db *tenanttest.DB) []string {
		w = newWire(t, db.RuntimeURL)
		return append(direct(db), "DATABASE_LISTEN_URL="+at(t, db.RuntimeURL, w.Addr().String()))
	})
	f.hear(t)
	f.served(t, "acme.app.example", f.db.Tenants[0])
	w.frozen.Store(true)
	f.suspended(t, f.db.Tenants[0])
	for _, s := range f.servers {
		await(t, "a server gives its connection up", func() bool { return s.says("not heard of for now") == 1 })
	}
	w.frozen.Store(false)
	for _, s := range f.servers {
		await(t, "a server hears again", func() bool { return s.says("changes of tenants are heard of") == 2 })
	}
	f.suspended(t, f.db.Tenants[0])
}

// at is a connection string with another address, which knows no TLS.
func at(t *testing.T, database, address string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	query := u.Query()
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	return u.String()
}

// wire carries connections to the database, and can be frozen.
type wire struct {
	net.Listener

	frozen atomic.Bool
}

func newWire(t *testing.T, database string) *wire {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: listener}
	t.Cleanup(func() { _ = w.Close() })
	go func() {
		for {
			near, err := w.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", u.Host)
			if err != nil {
				_ = near.Close()
				continue
			}
			go w.carry(near, far)
			go w.carry(far, near)
		}
	}()
	return w
}

func (w *wire) carry(from, to net.Conn) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		for w.frozen.Load() {
			time.Sleep(time.Millisecond)
		}
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}
