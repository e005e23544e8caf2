package catalog_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// steps are how often the audit has an action.
func steps(t *testing.T, c *catalog.Catalog, action string) int {
	t.Helper()
	all, err := c.Audit(t.Context(), catalog.AuditFilter{Action: action})
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestSuspendedForAnotherReason says so of a tenant that is suspended already.
func TestSuspendedForAnotherReason(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	for i, s := range []struct {
		reason, want string
		noted        int
	}{{"unpaid", "unpaid", 1}, {"unpaid", "unpaid", 1}, {"", "unpaid", 1}, {"abuse: phishing", "abuse: phishing", 2}} {
		r, err := c.Suspend(t.Context(), acme, s.reason)
		if err != nil || r.Reason != s.want || r.Revision != int64(1+s.noted) || steps(t, c, "suspend") != s.noted {
			t.Errorf("%d: suspended for %q: %+v, %v", i, s.reason, r, err)
		}
	}
}

// TestSuspensionIsHeld by one at a time: operators take it from the software and not
// the other way round, and it is whose it was after an offboarding that is undone.
func TestSuspensionIsHeld(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	want := func(r catalog.Record, err error, by, reason string, noted int) {
		t.Helper()
		if err != nil || r.SuspendedBy != by || r.Reason != reason || steps(t, c, "suspend") != noted {
			t.Errorf("held by %q for %q, noted %d times, %v; want %q for %q, noted %d times",
				r.SuspendedBy, r.Reason, steps(t, c, "suspend"), err, by, reason, noted)
		}
	}
	suspendFor := func(by, reason string) (catalog.Record, error) {
		return c.SuspendFor(t.Context(), acme, by, reason)
	}
	_, err := suspendFor("", "due")
	wantCode(t, err, tenant.CodeInvalid, "held by somebody")
	for range 2 {
		r, err := suspendFor("billing", "due")
		want(r, err, "billing", "due", 1)
		r, err = suspendFor("quota", "full")
		want(r, err, "billing", "due", 1)
	}
	if _, err := c.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: time.Hour, Reason: "left"}); err != nil {
		t.Fatal(err)
	}
	r, err := c.Restore(t.Context(), acme)
	want(r, err, "billing", "due", 1)
	for range 2 {
		r, err := c.Suspend(t.Context(), acme, "")
		want(r, err, catalog.ByOperator, "", 2)
		r, err = suspendFor("billing", "due")
		want(r, err, catalog.ByOperator, "", 2)
	}
	r, err = c.Resume(t.Context(), acme)
	want(r, err, "", "", 2)
}

// TestOffboardedWithAnotherGrace moves the end of the grace, and nothing else.
func TestOffboardedWithAnotherGrace(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	offboard := func(grace time.Duration, reason string) catalog.Record {
		t.Helper()
		r, err := c.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: grace, Reason: reason})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := offboard(0, "a mistake")
	if again := offboard(0, ""); again != first {
		t.Errorf("the same again has changed %+v to %+v", first, again)
	}
	want := first
	want.Revision, want.Reason, want.PurgeAfter = 3, "asked for time", first.OffboardedAt.Add(720*time.Hour)
	longer := offboard(720*time.Hour, "asked for time")
	if diff := cmp.Diff(want, longer); diff != "" {
		t.Error(diff)
	}
	if again := offboard(720*time.Hour, "asked for time"); again != longer {
		t.Errorf("the same again has changed %+v to %+v", longer, again)
	}
	_, err := c.Purge(t.Context(), acme, catalog.PurgeParams{})
	wantCode(t, err, tenant.CodeConflict, "the grace of tenant acme ends at")
	if shorter := offboard(time.Hour, ""); shorter.PurgeAfter != first.OffboardedAt.Add(time.Hour) || shorter.Reason != want.Reason {
		t.Errorf("a shorter grace: %+v", shorter)
	}
	if n := steps(t, c, "offboard"); n != 3 {
		t.Errorf("the audit has %d of 3 changes", n)
	}
}

// TestRestoredSuspended gives back what a suspended tenant was suspended for.
func TestRestoredSuspended(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	if _, err := c.Suspend(t.Context(), acme, "court order"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: time.Hour, Reason: "left"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		r, err := c.Restore(t.Context(), acme)
		if err != nil || r.State != catalog.StateSuspended || r.Reason != "court order" || r.LeftState != "" || r.LeftReason != "" || r.Revision != 4 {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if r, err := c.Resume(t.Context(), acme); err != nil || r.State != catalog.StateActive || r.Reason != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNotBefore keeps credentials dead that are from before an offboarding has
// ended, whenever its transaction began, or from before it was undone.
func TestNotBefore(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	conn, err := pgx.Connect(t.Context(), urls.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	now := func() (at time.Time) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	// Somebody holds the tenant while the offboarding begins, and waits.
	held, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(t.Context(), "SELECT FROM public.tenants WHERE id = $1 FOR UPDATE", acme.ID.String()); err != nil {
		t.Fatal(err)
	}
	offboarded := make(chan error, 1)
	var gone catalog.Record
	go func() {
		var err error
		gone, err = c.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: time.Hour})
		offboarded <- err
	}()
	for len(query[int](t, urls, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	minted := now()
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-offboarded; err != nil || !gone.NotBefore.After(minted) {
		t.Errorf("minted at %s, before the offboarding, which is not before %s: %v", minted, gone.NotBefore, err)
	}
	minted = now() // By a server that has not heard of it.
	back, err := c.Restore(t.Context(), acme)
	if err != nil || !back.NotBefore.After(minted) || !back.PurgeAfter.IsZero() {
		t.Errorf("minted at %s, and restored not before %s; purged after %s; %v", minted, back.NotBefore, back.PurgeAfter, err)
	}
}

// asked opens a catalog with one hook that is asked.
func asked(t *testing.T, urls tenanttest.URLs, hook func(context.Context, catalog.Event) error) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, Schema: full, Hooks: []catalog.Hook{{Name: "asked", Before: hook}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestAskedOfAnother takes no step on a tenant that has got the slug of the one
// that hooks were asked about, at the same revision.
func TestAskedOfAnother(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme, globex := created(t, c, "acme"), created(t, c, "globex")
	if _, err := c.SetName(t.Context(), acme, "Acme"); err != nil {
		t.Fatal(err)
	}
	swapping := asked(t, urls, func(ctx context.Context, e catalog.Event) error {
		if e.Tenant.ID != acme.ID || e.Was.Revision != 2 {
			t.Errorf("asked about %+v", e.Tenant)
		}
		if _, err := c.Rename(ctx, acme, "apex"); err != nil {
			return err
		}
		_, err := c.Rename(ctx, globex, "acme")
		return err
	})
	_, err := swapping.Offboard(t.Context(), catalog.Ref{Slug: "acme"}, catalog.OffboardParams{})
	wantCode(t, err, tenant.CodeConflict, "tenant apex has changed")
	for _, ref := range []catalog.Ref{acme, globex} {
		if r, err := c.Find(t.Context(), ref); err != nil || r.State != catalog.StateActive {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestNotAskedInVain asks no hook about a purge that the grace forbids.
func TestNotAskedInVain(t *testing.T) {
	t.Parallel()
	c, urls := installed(t)
	acme := created(t, c, "acme")
	if _, err := c.Offboard(t.Context(), acme, catalog.OffboardParams{Grace: time.Hour}); err != nil {
		t.Fatal(err)
	}
	var heard []string
	asking := asked(t, urls, func(_ context.Context, e catalog.Event) error {
		heard = append(heard, e.Action)
		return nil
	})
	_, err := asking.Purge(t.Context(), acme, catalog.PurgeParams{})
	wantCode(t, err, tenant.CodeConflict, "the grace of tenant acme ends at")
	if len(heard) > 0 {
		t.Errorf("asked about %v", heard)
	}
	if _, err := asking.Purge(t.Context(), acme, catalog.PurgeParams{Early: true}); err != nil || !cmp.Equal(heard, []string{"purge"}) {
		t.Errorf("asked about %v, %v", heard, err)
	}
}

// TestControlCharacters are in no text that lists, logs and mails show.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	c, _ := installed(t)
	acme := created(t, c, "acme")
	ctx := t.Context()
	for _, text := range []string{"a\nb", "a\x1b[2Jb", "a\x00b", "a\x7fb", "a\u0085b", "a\xffb"} {
		for what, take := range map[string]func() error{
			"a new name":            func() error { _, err := c.SetName(ctx, acme, text); return err },
			"a plan":                func() error { _, err := c.SetPlan(ctx, acme, text); return err },
			"a suspension's reason": func() error { _, err := c.Suspend(ctx, acme, text); return err },
			"an offboarding's":      func() error { _, err := c.Offboard(ctx, acme, catalog.OffboardParams{Reason: text}); return err },
			"a name":                func() error { _, err := c.Create(ctx, catalog.CreateParams{Slug: "initech", Name: text}); return err },
			"the plan of a new one": func() error { _, err := c.Create(ctx, catalog.CreateParams{Slug: "initech", Plan: text}); return err },
			"the key of a new one":  func() error { _, err := c.Create(ctx, catalog.CreateParams{Slug: "initech", Key: text}); return err },
		} {
			if err := take(); tenant.CodeOf(err) != tenant.CodeInvalid {
				t.Errorf("%s %q: %v", what, text, err)
			}
		}
	}
	if _, err := c.SetName(ctx, acme, "Ácme & Söhne \u2013 \u4e2d"); err != nil {
		t.Error(err)
	}
}
