package signup_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

// confirmed makes a sign-up that waits for its tenant.
func (w *world) confirmed(t *testing.T, slug string) (signup.Signup, string) {
	t.Helper()
	token := w.request(t, slug)
	s, err := w.Confirm(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

// What has changed since the confirmation ends the sign-up, with a reason.
func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for slug, c := range map[string]struct {
		meanwhile func()
		want      string
	}{
		"taken": {func() {
			if _, err := w.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "taken", Plan: "team"}); err != nil {
				t.Fatal(err)
			}
		}, signup.ReasonSlugTaken},
		"too-late": {func() { w.exec(t, "UPDATE bailiwick.signups SET plan = 'internal' WHERE slug = 'too-late'") }, signup.ReasonPlan},
		"refused":  {func() { w.exec(t, "UPDATE bailiwick.signups SET slug = 'admin' WHERE slug = 'refused'") }, signup.ReasonRefused},
	} {
		s, token := w.confirmed(t, slug)
		c.meanwhile()
		if done := w.work(t); done != 1 {
			t.Errorf("%s: %d done", slug, done)
		}
		if got := w.look(t, s.ID, token); got.State != signup.Failed || got.Reason != c.want {
			t.Errorf("%s: %+v", slug, got)
		}
	}
	if done := w.work(t); done != 0 {
		t.Errorf("%d done again", done)
	}
}

// What a hook refuses on purpose fails for good, and not for its slug; one that has
// an error, or can't be asked now, is asked again.
func TestHook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var answer error = &catalog.RefusedError{Err: errors.New("not in this country")}
	c, err := catalog.Open(t.Context(), catalog.Config{URL: w.OwnerURL, Hooks: []catalog.Hook{{
		Name: "law", Before: func(context.Context, catalog.Event) error { return answer },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var log bytes.Buffer
	job := signup.Job(slog.New(slog.NewTextHandler(&log, nil)), w.pool, c)
	run := func(slug string) signup.Signup {
		s, token := w.confirmed(t, slug)
		if _, err := job.Run(t.Context()); err != nil {
			t.Error(err)
		}
		return w.look(t, s.ID, token)
	}
	if got := run("refused"); got.State != signup.Failed || got.Reason != signup.ReasonRefused {
		t.Errorf("refused: %+v", got)
	}
	answers := map[string]error{
		"unasked": &tenant.Error{Code: tenant.CodeUnavailable, Err: errors.New("nobody is there")},
		"broken":  errors.New("the list of countries can't be read"),
		"stale":   &tenant.Error{Code: tenant.CodeConflict, Err: errors.New("a row of its own is there")},
		"nested":  &tenant.Error{Code: tenant.CodeConflict, Err: &catalog.UnfitError{Err: errors.New("a slug of its own")}},
		"others":  &catalog.RefusedError{Hook: "other", Err: errors.New("in a step of its own")},
	}
	for slug, err := range answers {
		answer = err
		if got := run(slug); got.State != signup.Provisioning {
			t.Errorf("%s: %+v", slug, got)
		}
	}
	for _, want := range []string{"refused by hook law: not in this country", "refused by hook law: the list of countries can't be read"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in:\n%s", want, log.String())
		}
	}
}

// A project's mistake, such as in its seed, ends nobody's sign-up, whatever code it
// has: the log has it, and the tenant is made once it is mended.
func TestProjectsMistake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	schema := catalog.Schema{Tenant: "CREATE TABLE notes (text text);"}
	failing := func(seed string) catalog.Config {
		schema := schema
		schema.TenantSeed = seed
		return catalog.Config{URL: w.OwnerURL, Schema: schema}
	}
	for slug, config := range map[string]catalog.Config{
		"conflict": failing("CREATE TABLE x (n integer PRIMARY KEY); INSERT INTO x VALUES (1), (1)"),
		"invalid":  failing("SELECT 1 / 0"),
		"role":     {URL: w.OwnerURL, Schema: schema, RuntimeRole: "postgres"},
	} {
		c, err := catalog.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		s, token := w.confirmed(t, "initech-"+slug)
		var log bytes.Buffer
		if done, err := signup.Job(slog.New(slog.NewTextHandler(&log, nil)), w.pool, c).Run(t.Context()); done != 1 || err != nil {
			t.Errorf("%s: %d done, %v", slug, done, err)
		}
		if got := w.look(t, s.ID, token); got.State != signup.Provisioning || !strings.Contains(log.String(), "is tried again") {
			t.Errorf("%s: %+v, log: %s", slug, got, log.String())
		}
		w.exec(t, "UPDATE bailiwick.signups SET due_at = now() WHERE id = $1::uuid", s.ID.String())
		w.work(t)
		if got := w.look(t, s.ID, token); got.State != signup.Ready {
			t.Errorf("%s, mended: %+v", slug, got)
		}
	}
}

// A worker that dies between the tenant and the word of it leaves a sign-up that
// the next one finishes: with the same tenant.
func TestCrashAfterTheTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, token := w.confirmed(t, "initech")
	w.work(t)
	before, err := w.Catalog.Get(t.Context(), "initech")
	if err != nil {
		t.Fatal(err)
	}
	w.exec(t, "UPDATE bailiwick.signups SET tenant_id = NULL")
	if done := w.work(t); done != 1 {
		t.Errorf("%d done", done)
	}
	if got := w.look(t, s.ID, token); got.State != signup.Ready {
		t.Errorf("%+v", got)
	}
	all, err := w.Catalog.List(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("%d tenants, %v", len(all), err)
	}
	after, err := w.Catalog.Get(t.Context(), "initech")
	if diff := cmp.Diff(before, after); diff != "" || err != nil {
		t.Errorf("%v (-before +after):\n%s", err, diff)
	}
}

// What can't be made now is tried again later, while the others are made.
func TestPostponed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, token := w.confirmed(t, "initech")
	w.exec(t, `CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.slug = 'initech' THEN RAISE EXCEPTION SQLSTATE '53000'; END IF; RETURN NEW; END $$`)
	w.exec(t, "CREATE TRIGGER refuse BEFORE INSERT ON public.tenants FOR EACH ROW EXECUTE FUNCTION public.refuse()")
	second, tokenOfSecond := w.confirmed(t, "umbrella")
	for range 3 {
		w.work(t)
	}
	if got := w.look(t, first.ID, token); got.State != signup.Provisioning {
		t.Errorf("first: %+v", got)
	}
	if got := w.look(t, second.ID, tokenOfSecond); got.State != signup.Ready {
		t.Errorf("second: %+v", got)
	}
	w.exec(t, "DROP TRIGGER refuse ON public.tenants")
	w.exec(t, "UPDATE bailiwick.signups SET due_at = now()")
	w.work(t)
	if got := w.look(t, first.ID, token); got.State != signup.Ready {
		t.Errorf("first, again: %+v", got)
	}
}

// Several workers make each tenant once.
func TestSeveralWorkers(t *testing.T) {
	t.Parallel()
	const signups, workers = 6, 3
	w := newWorld(t)
	for i := range signups {
		w.confirmed(t, "tenant-x"+string(rune('a'+i)))
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range workers {
		group.Go(func() {
			job := signup.Job(slog.New(slog.DiscardHandler), w.pool, w.Catalog)
			for range signups {
				n, err := job.Run(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				done += n
				mu.Unlock()
			}
		})
	}
	group.Wait()
	all, err := w.Catalog.List(t.Context())
	if err != nil || len(all) != 2+signups || done != signups {
		t.Errorf("%d tenants, %d done, %v", len(all), done, err)
	}
}

// A worker that is stopped in the middle leaves the sign-up as it was.
func TestStoppedInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, token := w.confirmed(t, "initech")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := signup.Job(slog.New(slog.DiscardHandler), w.pool, w.Catalog).Run(ctx); err == nil {
		t.Error("done")
	}
	w.work(t)
	if got := w.look(t, s.ID, token); got.State != signup.Ready {
		t.Errorf("%+v", got)
	}
}

// Doctor tells when nobody makes the tenants.
func TestNobodyWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.confirmed(t, "initech")
	if got := w.troubles(t); got != nil {
		t.Errorf("at first: %v", got)
	}
	w.exec(t, "UPDATE bailiwick.signups SET confirmed_at = now() - interval '10 minutes', last_error = 'no room'")
	if got := w.troubles(t); len(got) != 1 || !strings.Contains(got[0], "1 confirmed sign-ups") || !strings.Contains(got[0], "no room") {
		t.Errorf("after ten minutes: %v", got)
	}
	w.work(t)
	if got := w.troubles(t); got != nil {
		t.Errorf("at last: %v", got)
	}
}

// troubles are what Doctor says of sign-ups.
func (w *world) troubles(t *testing.T) (messages []string) {
	t.Helper()
	all, err := w.Catalog.Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, trouble := range all {
		if trouble.Kind == catalog.TroubleWaitingSignups {
			messages = append(messages, trouble.Message)
		}
	}
	return messages
}

// What nobody confirmed goes, and what ended long ago.
func TestCleaning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, slug := range []string{"old", "new", "expired", "waiting", "failed"} {
		w.request(t, slug)
	}
	w.exec(t, "UPDATE bailiwick.signups SET confirmed_at = now() - interval '31 days', tenant_id = id WHERE slug = 'old'")
	w.exec(t, "UPDATE bailiwick.signups SET confirmed_at = now() - interval '31 days', error = 'refused' WHERE slug = 'failed'")
	w.exec(t, "UPDATE bailiwick.signups SET confirmed_at = now() - interval '31 days' WHERE slug = 'waiting'")
	w.exec(t, "UPDATE bailiwick.signups SET expires_at = now() - interval '1 second' WHERE slug = 'expired'")
	if _, err := signup.Cleaning(w.pool).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := w.pool.QueryRow(t.Context(), "SELECT array_agg(slug ORDER BY slug) FROM bailiwick.signups").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new", "waiting"}, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
