package history_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// The whole fleet takes up to ten minutes on two cores that have other work, which
// are all that go test gives by itself: hasty is for less than enough.
const (
	fleetSize = 200
	enough    = 15 * time.Minute
	hastySize = 40
	shortSize = 12
)

// size is the number of tenants.
func size(t *testing.T) int {
	t.Helper()
	deadline, bounded := t.Deadline()
	switch {
	case testing.Short():
		return shortSize
	case bounded && time.Until(deadline) < enough:
		t.Logf("%d tenants in place of %d: for all of them give -timeout %s, or more", hastySize, fleetSize, 2*enough)
		return hastySize
	}
	return fleetSize
}

// firstRows are what every tenant begins with: users and roles with names of
// their own, and one user who may do everything.
const firstRows = `
INSERT INTO users (email, display_name) SELECT format('user%s@%s.example', n, replace(current_schema(), '_', '-')), 'User ' || n FROM generate_series(1, 10) AS n;
INSERT INTO roles (name, description) SELECT 'role ' || n, current_schema() || ' 0' FROM generate_series(1, 10) AS n;
UPDATE roles SET permissions = enum_range(NULL::permission) WHERE name = 'role 10';
INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE u.email LIKE 'user1@%' AND r.name = 'role 10';
`

// history is the fleet, and how far its schema has come.
type history struct {
	*tenanttest.DB

	issuer *servicetest.Issuer
	tool   tool
	work   project // The files that are rolled out.
	pool   *pgxpool.Pool
	load   *load
	// settings are those of every server, and binaries the releases, in order.
	settings []string
	binaries [3]string
	step     int
	came     int
	// early tells that a release runs whose time has not come.
	early bool
}

// TestHistory goes through all versions, one by one.
func TestHistory(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	one := h.serve(t, 0)
	h.load = startLoad(t, h.accounts(t), one)

	h.roll(t, add, nil)

	h.roll(t, expandRename, h.newcomer)

	// The release that needs new columns is there too early, and takes its share
	// of the requests: it refuses everybody until their turn has come.
	h.tryOut(t, notNull)
	two := h.serve(t, 1)
	h.refusesAll(t, two)
	h.early = true
	h.load.pool.add(two)
	h.rollOut(t, notNull, h.offboarding)
	h.recovers(t, two)
	h.early = false
	h.breaks(t, h.work.dir, "rollback", "GetUserByEmail", "second")

	h.roll(t, enumValue, nil)
	h.load.kinds.Store(&[]string{"aws", "gitlab"})
	h.roll(t, index, h.newcomer)
	h.roll(t, view, nil)

	h.refused(t, contractRename, "ListRoles", "first")
	h.retire(t, one)
	h.roll(t, contractRename, h.newcomer)

	h.roll(t, expandSplit, nil)
	three := h.serve(t, 2)
	h.load.pool.add(three)
	h.refused(t, contractSplit, "UpdateUser", "second")
	h.retire(t, two)
	h.roll(t, contractSplit, h.newcomer)

	h.load.end()
	h.everything(t)
	three.stop(t)
}

func newHistory(t *testing.T) *history {
	t.Helper()
	h := &history{issuer: servicetest.NewIssuer(t), work: newProject(t)}
	h.DB = tenanttest.New(t, tenanttest.Options{
		Schema: catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed},
		// Nobody is to meet the limits of a plan: the load makes things for minutes.
		Tenants: size(t), Plan: "enterprise", TenantSQL: firstRows,
	})
	h.settings = servicetest.Settings(h.RuntimeURL, h.issuer)
	pool, err := pgxpool.New(t.Context(), h.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	h.pool = pool
	h.exec(t, "UPDATE public.tenants SET ring = 'canary' WHERE slug IN ('acme', 'tenant-7')")
	h.build(t)
	return h
}

// build makes the tool, and the releases: each out of a project of its own, whose
// schema is the one that the release came with.
func (h *history) build(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	h.tool = tool{filepath.Join(bin, "bailiwick"), environ("DATABASE_URL="+h.RuntimeURL, "DATABASE_OWNER_URL="+h.OwnerURL)}
	build(t, root, "./cmd/bailiwick", h.tool.binary)
	for i, changes := range [][][]edit{
		{},
		{add.edits, expandRename.edits, notNull.edits, enumValue.edits, second},
		{add.edits, expandRename.edits, notNull.edits, enumValue.edits, second, index.edits, view.edits, contractRename.edits, expandSplit.edits, third},
	} {
		p := newProject(t)
		for _, edits := range changes {
			p.edit(t, edits)
		}
		if len(changes) > 0 {
			h.tool.must(t, p.dir, succeeds, "generate")
		}
		h.binaries[i] = filepath.Join(bin, releases[i])
		build(t, p.dir, "./server", h.binaries[i])
	}
}

var releases = [3]string{"first", "second", "third"}

func (h *history) serve(t *testing.T, release int) *server {
	t.Helper()
	return startServer(t, h.binaries[release], releases[release], h.settings)
}

// retire takes a release out of service, and waits until it counts as gone.
func (h *history) retire(t *testing.T, s *server) {
	t.Helper()
	h.load.pool.remove(s)
	s.stop(t)
	await(t, "release "+s.release+" is gone", func() bool {
		return value[bool](t, h, "SELECT NOT EXISTS (SELECT FROM bailiwick.releases WHERE expires_at > now() AND version = $1)", s.release)
	})
}

// accounts are those of all tenants but the last, which nobody uses: it is offboarded.
func (h *history) accounts(t *testing.T) []*account {
	t.Helper()
	var all []*account
	for _, one := range h.Tenants[:len(h.Tenants)-1] {
		all = append(all, h.account(t, one))
	}
	return all
}

func (h *history) account(t *testing.T, of tenant.Tenant) *account {
	t.Helper()
	a := &account{Tenant: of, token: h.token(t, of), users: seeded, roles: seeded, zone: "UTC", providers: map[string]int{}}
	err := h.pool.QueryRow(t.Context(), fmt.Sprintf(`SELECT (SELECT min(id) FROM %[1]s.roles), (SELECT id::text FROM %[1]s.users ORDER BY email LIMIT 1)`, of.Schema())).Scan(&a.role, &a.user)
	if err != nil {
		t.Fatal(err)
	}
	a.purpose = of.Schema() + " 0"
	return a
}

// token is one of the user who may do everything.
func (h *history) token(t *testing.T, of tenant.Tenant) string {
	t.Helper()
	return h.issuer.Token(t, of, "user1@"+strings.ReplaceAll(of.Schema(), "_", "-")+".example")
}

func (h *history) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := h.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func value[T any](t *testing.T, h *history, sql string, args ...any) (v T) {
	t.Helper()
	if err := h.pool.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// newcomer makes a tenant as a service does, who is used from then on.
func (h *history) newcomer(t *testing.T) {
	t.Helper()
	h.came++
	made, err := h.Catalog.Create(t.Context(), catalog.CreateParams{
		Slug: fmt.Sprintf("newcomer-%d", h.came), Plan: "enterprise",
		Seed: func(ctx context.Context, tx pgx.Tx) error {
			var old bool
			err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'roles'::regclass AND attname = 'description' AND NOT attisdropped)`).Scan(&old)
			rows := firstRows
			if !old {
				rows = strings.ReplaceAll(rows, "(name, description)", "(name, purpose)")
			}
			if err == nil {
				_, err = tx.Exec(ctx, rows)
			}
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.load.join(h.account(t, made))
}

// offboarding begins to take a tenant away.
func (h *history) offboarding(t *testing.T) {
	t.Helper()
	h.exec(t, "UPDATE public.tenants SET state = 'offboarding' WHERE slug = $1", h.Tenants[len(h.Tenants)-1].Slug)
}
