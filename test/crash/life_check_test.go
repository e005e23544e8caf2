//go:build linux || darwin || freebsd

package crash_test

import (
	"fmt"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// whole looks for what was done by half: who is in the registry has a schema and a
// role, who is purged has neither, and nobody has them who is not there.
func (r *lifeRig) whole(t *testing.T, l life, at moment) {
	t.Helper()
	halves := value[string](t, r.super, `
		WITH tenants AS (SELECT 't_' || replace(id::text, '-', '') AS name, state FROM public.tenants)
		SELECT coalesce(string_agg(format('%s is %s, schema %s, role %s', coalesce(t.name, n.nspname, r.rolname), t.state, n.nspname, r.rolname), '; '), '')
		FROM tenants AS t
		FULL JOIN (SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\_%') AS n ON n.nspname = t.name
		FULL JOIN (SELECT rolname FROM pg_roles WHERE rolname LIKE 't\_%') AS r ON r.rolname = coalesce(t.name, n.nspname)
		WHERE (coalesce(t.state, 'purged') = 'purged') <> (n.nspname IS NULL) OR (n.nspname IS NULL) <> (r.rolname IS NULL) OR t.state = 'provisioning'`)
	if halves != "" {
		t.Errorf("%s, killed at %+v, is done by half: %s", l.Action, at, halves)
	}
}

// routed looks at who is routed after the kill: it is complete, and only one.
func (r *lifeRig) routed(t *testing.T, l life, before catalog.Record) {
	t.Helper()
	routes := 0
	for _, slug := range []string{before.Slug, l.Slug} {
		if slug == "" {
			continue
		}
		route, err := r.routes.Route(t.Context(), tenant.Name{Slug: slug})
		if tenant.CodeOf(err) == tenant.CodeNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		routes++
		r.usable(t, l, route.Tenant)
	}
	most, least := 1, 0
	switch l.Action {
	case catalog.ActionRename:
		least = 1
	case catalog.ActionPurge:
		most = 0
	}
	if routes < least || routes > most {
		t.Errorf("%s: %d routes after the kill, want %d to %d", l.Action, routes, least, most)
	}
}

// usable works for a tenant that is routed, as a service does.
func (r *lifeRig) usable(t *testing.T, l life, of tenant.Tenant) {
	t.Helper()
	q, err := r.db.Bind(of)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	var users, one int
	err = q.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM users), one() FROM (SELECT count(*) FROM items) AS i").Scan(&users, &one)
	if err != nil || users != 1 {
		t.Errorf("%s: %s is routed and has %d users, %v", l.Action, of.Slug, users, err)
	}
}

// finished looks at what the step that was repeated has led to.
func (r *lifeRig) finished(t *testing.T, l life, at moment, after catalog.Record) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s, killed at %+v, repeated: %s", l.Action, at, fmt.Sprintf(format, args...))
	}
	want := map[string]string{
		catalog.ActionCreate: catalog.StateActive, catalog.ActionRename: catalog.StateActive,
		catalog.ActionOffboard: catalog.StateOffboarding, catalog.ActionPurge: catalog.StatePurged,
	}[l.Action]
	if after.State != want {
		fail("the tenant is %s, want %s", after.State, want)
	}
	if want == catalog.StateActive && after.Slug != l.Slug {
		fail("the tenant is called %s, want %s", after.Slug, l.Slug)
	}
	if n := value[int](t, r.owner, fmt.Sprintf("SELECT count(*)::int FROM bailiwick.audit WHERE tenant_id = '%s' AND action = '%s'", after.ID, l.Action)); n != 1 {
		fail("it is %d times in the audit", n)
	}
	if n := value[int](t, r.owner, "SELECT count(*)::int FROM public.tenants WHERE slug = '"+l.Slug+"'"); want == catalog.StateActive && n != 1 {
		fail("%d tenants are called %s", n, l.Slug)
	}
	if n := value[int](t, r.owner, "SELECT count(*)::int FROM bailiwick.tenants WHERE request_key = 'key of "+l.Slug+"'"); l.Action == catalog.ActionCreate && n != 1 {
		fail("%d tenants were made with the key", n)
	}
	do(t, r.owner, "UPDATE bailiwick.outbox SET due_at = now() WHERE done_at IS NULL") // time passes
	if _, err := r.catalog.Deliver(t.Context()); err != nil {
		fail("deliver: %v", err)
	}
	if r.times(afterLine(l.Action, after.ID)) == 0 {
		fail("the hook was told nothing")
	}
	if n := value[int](t, r.owner, "SELECT count(*)::int FROM bailiwick.outbox WHERE done_at IS NULL"); n > 0 {
		fail("%d events are not delivered", n)
	}
	r.healthy(t, fail)
}

// healthy mends what there is to mend, after which nothing is wrong.
func (r *lifeRig) healthy(t *testing.T, fail func(format string, args ...any)) {
	t.Helper()
	for _, mend := range []bool{true, false} {
		found, err := r.catalog.Doctor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, trouble := range found {
			if !mend || !trouble.Mendable {
				fail("%+v", trouble)
				continue
			}
			if err := r.catalog.Mend(t.Context(), trouble); err != nil {
				fail("%+v: %v", trouble, err)
			}
		}
	}
}
