package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func created(t *testing.T, c *catalog.Catalog, slug string) catalog.Ref {
	t.Helper()
	tn, err := c.Create(t.Context(), catalog.CreateParams{Slug: slug, Plan: "free"})
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Ref{ID: tn.ID}
}

// TestLife takes a tenant through all its states, and looks at what is noted.
func TestLife(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	ctx := catalog.WithRun(catalog.WithActor(t.Context(), "user:ann"), "run-1")
	steps := []struct {
		action, state string
		take          func() (catalog.Record, error)
	}{
		{"rename", "active", func() (catalog.Record, error) { return c.Rename(ctx, acme, "apex") }},
		{"set-name", "active", func() (catalog.Record, error) { return c.SetName(ctx, acme, "Apex") }},
		{"set-plan", "active", func() (catalog.Record, error) { return c.SetPlan(ctx, acme, "team") }},
		{"suspend", "suspended", func() (catalog.Record, error) { return c.Suspend(ctx, acme, "past due") }},
		{"resume", "active", func() (catalog.Record, error) { return c.Resume(ctx, acme) }},
		{"offboard", "offboarding", func() (catalog.Record, error) {
			return c.Offboard(ctx, acme, catalog.OffboardParams{Grace: time.Hour, Reason: "left"})
		}},
		{"restore", "active", func() (catalog.Record, error) { return c.Restore(ctx, acme) }},
		{"offboard", "offboarding", func() (catalog.Record, error) { return c.Offboard(ctx, acme, catalog.OffboardParams{}) }},
		{"purge", "purged", func() (catalog.Record, error) { return c.Purge(ctx, acme, catalog.PurgeParams{}) }},
	}
	for i, s := range steps {
		r, err := s.take()
		if err != nil {
			t.Fatalf("%s: %v", s.action, err)
		}
		if r.State != s.state || r.Revision != int64(i)+2 {
			t.Errorf("%s: %s at revision %d, want %s at %d", s.action, r.State, r.Revision, s.state, i+2)
		}
		found, err := c.Find(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, found); diff != "" {
			t.Errorf("%s returns another record than is stored:\n%s", s.action, diff)
		}
		again, err := s.take()
		if diff := cmp.Diff(r, again); err != nil || diff != "" {
			t.Errorf("%s a second time: %v\n%s", s.action, err, diff)
		}
	}
	if left := footprint(t, urls); !cmp.Equal(left, []string{"row " + tenant.PurgedSlug(acme.ID)}) {
		t.Errorf("left behind: %v", left)
	}
	entries, err := c.Audit(t.Context(), catalog.AuditFilter{Tenant: acme})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(steps)+1 || entries[len(steps)].Action != "create" {
		t.Fatalf("%d entries in the audit, want one for each of %d steps and the creation", len(entries), len(steps))
	}
	for i, s := range steps {
		if e := entries[len(steps)-1-i]; e.Action != s.action || e.Actor != "user:ann" || e.Run != "run-1" || e.Before == nil || e.After == nil {
			t.Errorf("entry of %s: %+v", s.action, e)
		}
	}
}

// TestTransitions tries every step in every state.
func TestTransitions(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	ctx := t.Context()
	steps := map[string]func() (catalog.Record, error){
		"rename":   func() (catalog.Record, error) { return c.Rename(ctx, acme, "apex") },
		"set-name": func() (catalog.Record, error) { return c.SetName(ctx, acme, "Apex") },
		"set-plan": func() (catalog.Record, error) { return c.SetPlan(ctx, acme, "team") },
		"suspend":  func() (catalog.Record, error) { return c.Suspend(ctx, acme, "") },
		"resume":   func() (catalog.Record, error) { return c.Resume(ctx, acme) },
		"offboard": func() (catalog.Record, error) { return c.Offboard(ctx, acme, catalog.OffboardParams{}) },
		"restore":  func() (catalog.Record, error) { return c.Restore(ctx, acme) },
		"purge":    func() (catalog.Record, error) { return c.Purge(ctx, acme, catalog.PurgeParams{}) },
	}
	possible := map[string][]string{
		"provisioning": {"offboard", "rename", "resume", "set-name", "set-plan"},
		"active":       {"offboard", "rename", "set-name", "set-plan", "suspend"},
		"suspended":    {"offboard", "rename", "resume", "set-name", "set-plan"},
		"offboarding":  {"purge", "restore"},
		"purged":       nil,
	}
	already := map[string]string{
		"active resume": "is", "active restore": "is", "suspended suspend": "is", "offboarding offboard": "is", "purged purge": "is",
	}
	for state, legal := range possible {
		for action, take := range steps {
			if state == "offboarding" && action == "purge" {
				continue // TestLife does it; here the schema is to stay
			}
			must(t, urls.OwnerURL, "UPDATE public.tenants SET slug = 'acme', name = 'acme', plan = 'free', state = '"+state+"'")
			must(t, urls.OwnerURL, "UPDATE bailiwick.tenants SET not_before = now(), offboarded_at = now(), purge_after = now()")
			if state == "suspended" {
				must(t, urls.OwnerURL, "UPDATE bailiwick.tenants SET not_before = NULL") // It was never offboarded.
			}
			before, err := c.Find(ctx, acme)
			if err != nil {
				t.Fatal(err)
			}
			after, err := take()
			switch {
			case slices.Contains(legal, action):
				if err != nil || after.Revision != before.Revision+1 {
					t.Errorf("%s of a tenant that is %s: revision %d to %d, %v", action, state, before.Revision, after.Revision, err)
				}
			case already[state+" "+action] != "":
				if err != nil || after != before {
					t.Errorf("%s of a tenant that is %s has changed it to %+v, %v", action, state, after, err)
				}
			case len(legal) == 0:
				wantCode(t, err, tenant.CodeConflict, "for good")
			default:
				wantCode(t, err, tenant.CodeConflict, "is "+state+"; possible are "+strings.Join(legal, ", "))
			}
		}
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	seen := acme
	seen.Revision = 1
	if _, err := c.SetName(t.Context(), seen, "Acme"); err != nil {
		t.Fatal(err)
	}
	_, err := c.SetName(t.Context(), seen, "Apex")
	wantCode(t, err, tenant.CodeConflict, "it is at revision 2, not 1")
	_, err = c.Find(t.Context(), seen)
	wantCode(t, err, tenant.CodeConflict, "it is at revision 2, not 1")
	_, err = c.Find(t.Context(), catalog.Ref{ID: acme.ID, Slug: "globex"})
	wantCode(t, err, tenant.CodeNotFound, "globex")
	_, err = c.SetName(t.Context(), catalog.Ref{}, "x")
	wantCode(t, err, tenant.CodeInvalid, "no tenant is named")

	const racers = 4
	seen.Revision = 2
	won := 0
	for _, err := range race(racers, func(i int) error {
		_, err := c.SetName(t.Context(), seen, fmt.Sprintf("Acme %d", i))
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		wantCode(t, err, tenant.CodeConflict, "revision 3")
	}
	if won != 1 {
		t.Errorf("%d of %d have changed one revision", won, racers)
	}
}

func race(racers int, fn func(i int) error) []error {
	errs := make([]error, racers)
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() { errs[i] = fn(i) })
	}
	group.Wait()
	return errs
}

func TestRefused(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	created(t, c, "globex")
	ctx := t.Context()
	for name, c := range map[string]struct {
		take func() (catalog.Record, error)
		code tenant.Code
		text string
	}{
		"taken":    {func() (catalog.Record, error) { return c.Rename(ctx, acme, "globex") }, tenant.CodeConflict, "is taken"},
		"twin":     {func() (catalog.Record, error) { return c.Rename(ctx, acme, "g1obex") }, tenant.CodeConflict, "looks like"},
		"an id":    {func() (catalog.Record, error) { return c.Rename(ctx, acme, tenant.NewID().String()) }, tenant.CodeInvalid, "has the form of a tenant's id"},
		"reserved": {func() (catalog.Record, error) { return c.Rename(ctx, acme, "l0gin") }, tenant.CodeInvalid, `looks like the reserved name "login"`},
		"slug":     {func() (catalog.Record, error) { return c.Rename(ctx, acme, "a;b") }, tenant.CodeInvalid, "only a-z"},
		"name":     {func() (catalog.Record, error) { return c.SetName(ctx, acme, " ") }, tenant.CodeInvalid, "can't be empty"},
		"plan":     {func() (catalog.Record, error) { return c.SetPlan(ctx, acme, "gold") }, tenant.CodeInvalid, `no plan "gold"`},
		"no plan":  {func() (catalog.Record, error) { return c.SetPlan(ctx, acme, "") }, tenant.CodeInvalid, "can't be empty"},
		"grace": {func() (catalog.Record, error) {
			return c.Offboard(ctx, acme, catalog.OffboardParams{Grace: -time.Second})
		}, tenant.CodeInvalid, "can't be negative"},
		"nobody": {func() (catalog.Record, error) { return c.Suspend(ctx, catalog.Ref{Slug: "initech"}, "") }, tenant.CodeNotFound, "initech"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.take()
			wantCode(t, err, c.code, c.text)
		})
	}
}

// TestMinimalRegistry works with a public.tenants that has no plan, ring or times.
func TestMinimalRegistry(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	c := open(t, urls, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: tenantSchema})
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	tn, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	acme := catalog.Ref{ID: tn.ID}
	_, err = c.SetPlan(t.Context(), acme, "team")
	wantCode(t, err, tenant.CodeInvalid, "tenants have no plan here")
	if _, err := c.Offboard(t.Context(), acme, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Purge(t.Context(), acme, catalog.PurgeParams{}); err != nil || r.FormerSlug != "acme" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme"}); err != nil {
		t.Errorf("the slug of a purged tenant is not free: %v", err)
	}
}

// TestNotify hears of each step, and of none that failed.
func TestNotify(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	conn, err := pgx.Connect(t.Context(), urls.RuntimeURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), "LISTEN "+catalog.Channel); err != nil {
		t.Fatal(err)
	}
	acme := created(t, c, "acme")
	if _, err := c.SetPlan(t.Context(), acme, "gold"); err == nil {
		t.Error("there is no such plan")
	}
	if _, err := c.Suspend(t.Context(), acme, ""); err != nil {
		t.Fatal(err)
	}
	globex := created(t, c, "globex")
	for _, want := range []tenant.ID{acme.ID, acme.ID, globex.ID} {
		n, err := conn.WaitForNotification(t.Context())
		if err != nil || n.Payload != want.String() {
			t.Fatalf("%+v, %v; want one of %s", n, err, want)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	p := catalog.CreateParams{Slug: "acme", Plan: "free", OwnerEmail: "ann@acme.example", Key: "signup-1"}
	made := make([]tenant.Tenant, 4)
	for _, err := range race(len(made), func(i int) (err error) {
		made[i], err = c.Create(t.Context(), p)
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	for _, tn := range made {
		if tn != made[0] {
			t.Errorf("one key has made %+v and %+v", made[0], tn)
		}
	}
	if left := footprint(t, urls); len(left) != 3 {
		t.Errorf("left behind: %v", left)
	}
	other := p
	other.Name = "Acme"
	_, err := c.Create(t.Context(), other)
	wantCode(t, err, tenant.CodeConflict, "the idempotency key was used for another request")
	if _, err := c.Rename(t.Context(), catalog.Ref{Slug: "acme"}, "apex"); err != nil {
		t.Fatal(err)
	}
	if again, err := c.Create(t.Context(), p); err != nil || again.Slug != "apex" || again.ID != made[0].ID {
		t.Errorf("after it was renamed: %+v, %v", again, err)
	}
	if _, err := c.Offboard(t.Context(), catalog.Ref{ID: made[0].ID}, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Purge(t.Context(), catalog.Ref{ID: made[0].ID}, catalog.PurgeParams{}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Create(t.Context(), p)
	wantCode(t, err, tenant.CodeConflict, "has been purged")
	_, err = c.Create(t.Context(), catalog.CreateParams{Slug: "globex", OwnerEmail: "Ann <ann@acme.example>"})
	wantCode(t, err, tenant.CodeInvalid, "no e-mail address")
	_, err = c.Create(t.Context(), catalog.CreateParams{Slug: "globex", Key: strings.Repeat("k", 256)})
	wantCode(t, err, tenant.CodeInvalid, "256 bytes")
}

func TestTenantSeed(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	schema := full
	schema.TenantSeed = `INSERT INTO notes (body) SELECT 'for ' || e FROM current_setting('bailiwick.owner_email', true) AS e WHERE e <> '';`
	c := open(t, urls, schema)
	if err := c.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	tn, err := c.Create(t.Context(), catalog.CreateParams{Slug: "acme", Plan: "free", OwnerEmail: "o'neil@acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	got := query[string](t, urls, "SELECT body FROM "+tn.Schema()+".notes")
	if diff := cmp.Diff([]string{"for o'neil@acme.example"}, got); diff != "" {
		t.Error(diff)
	}
	if tn, err = c.Create(t.Context(), catalog.CreateParams{Slug: "globex", Plan: "free"}); err != nil {
		t.Fatal(err)
	}
	if got := query[string](t, urls, "SELECT body FROM "+tn.Schema()+".notes"); len(got) > 0 {
		t.Errorf("the address of another tenant's owner: %q", got)
	}
	schema.TenantSeed = "INSERT INTO notes (body)\nVALUES (1, 2);"
	_, err = open(t, urls, schema).Create(t.Context(), catalog.CreateParams{Slug: "initech", Plan: "free"})
	wantCode(t, err, tenant.CodeInternal, "tenant seed, line 2")
}
