package history_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// roll takes the fleet to a version, back where that is possible, and to it
// again. Something more may happen while that goes on for the last time.
func (h *history) roll(t *testing.T, v version, meanwhile func(*testing.T)) {
	t.Helper()
	h.tryOut(t, v)
	h.rollOut(t, v, meanwhile)
}

// tryOut edits the files, and takes the fleet to them and back.
func (h *history) tryOut(t *testing.T, v version) {
	t.Helper()
	if h.step++; t.Failed() {
		t.FailNow()
	}
	before := h.desired(t)
	h.work.edit(t, v.edits)
	h.writePlans(t, v)
	h.load.count()
	if v.back == none {
		return
	}
	h.apply(t, v, nil)
	h.rollback(t, v)
	h.at(t, before)
}

// rollOut takes the fleet to the files, for good.
func (h *history) rollOut(t *testing.T, v version, meanwhile func(*testing.T)) {
	t.Helper()
	h.apply(t, v, meanwhile)
	if v.back == none {
		out := h.tool.must(t, h.work.dir, []int{1}, "schema", "rollback", "--yes", "--accept-loss")
		t.Logf("%d. no way back: %s", h.step, strings.TrimSpace(out.stderr))
	}
	h.settled(t)
}

// apply rolls the files out.
func (h *history) apply(t *testing.T, v version, meanwhile func(*testing.T)) {
	t.Helper()
	began := time.Now()
	last := value[int64](t, h, "SELECT coalesce(max(id), 0) FROM bailiwick.rollouts")
	running := h.tool.start(t, h.work.dir, "schema", "apply", "--yes", "--json", "--soak", "0s")
	if meanwhile != nil {
		h.begun(t, last)
		meanwhile(t)
	}
	(<-running).want(t, 0)
	h.at(t, h.desired(t))
	h.ledger(t)
	h.tell(t, v.name, began)
}

// tell reports what clients met meanwhile. Nobody is refused while the schemas
// before and after fit all releases.
func (h *history) tell(t *testing.T, what string, began time.Time) {
	t.Helper()
	seen := h.load.count()
	t.Logf("%d. %s: %s, %s", h.step, what, time.Since(began).Round(10*time.Millisecond), seen)
	if seen.kinds["schema-mismatch"] > 0 && !h.early {
		t.Errorf("%d. %s: %d requests were refused, although the releases fit", h.step, what, seen.kinds["schema-mismatch"])
	}
}

// begun waits until a rollout after the last has changed a tenant.
func (h *history) begun(t *testing.T, last int64) {
	t.Helper()
	await(t, "a rollout begins", func() bool {
		return value[bool](t, h, "SELECT EXISTS (SELECT FROM bailiwick.rollout_targets WHERE rollout_id > $1 AND state = 'done' AND schema <> 'public')", last)
	})
}

// rollback undoes the last rollout, if what is lost is accepted.
func (h *history) rollback(t *testing.T, v version) {
	t.Helper()
	began := time.Now()
	args := []string{"schema", "rollback", "--yes", "--json", "--soak", "0s"}
	if v.back == loses {
		out := h.tool.must(t, h.work.dir, []int{1}, args...)
		if !strings.Contains(out.stderr, "data is lost") || !strings.Contains(out.stderr, "--accept-loss") {
			t.Errorf("a rollback that loses data says: %s", out.stderr)
		}
		args = append(args, "--accept-loss")
	}
	h.tool.must(t, h.work.dir, succeeds, args...)
	h.tell(t, "and back", began)
}

// desired are the fingerprints that new schemas are made to have.
func (h *history) desired(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"public": value[string](t, h, "SELECT coalesce((SELECT fingerprint FROM bailiwick.schemas WHERE scope = 'public' AND current), '')"),
		"tenant": value[string](t, h, "SELECT coalesce((SELECT fingerprint FROM bailiwick.schemas WHERE scope = 'tenant' AND current), '')"),
	}
}

// at holds every schema against what it should be, and against what is written
// of it.
func (h *history) at(t *testing.T, want map[string]string) {
	t.Helper()
	if got := h.desired(t); got["tenant"] != want["tenant"] || got["public"] != want["public"] {
		t.Errorf("new tenants are made at %v, want %v", got, want)
	}
	records, err := h.Catalog.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	schemas := []string{"public"}
	for _, r := range records {
		if r.State != "offboarding" {
			schemas = append(schemas, r.Schema)
		}
	}
	states, err := fingerprint.Fleet(t.Context(), h.pool, schemas, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := states["public"].Fingerprint; got != want["public"] {
		t.Errorf("public is at %s, want %s", got, want["public"])
	}
	for _, r := range records {
		if r.State == "offboarding" {
			continue
		}
		if got := states[r.Schema].Fingerprint; got != want["tenant"] || r.Version != want["tenant"] {
			t.Errorf("%s is at %s, and is said to be at %s; want %s", r.Slug, got, r.Version, want["tenant"])
		}
	}
}

// settled tells that a version has reached everybody, by the tool's own word.
func (h *history) settled(t *testing.T) {
	t.Helper()
	h.tool.must(t, h.work.dir, succeeds, "schema", "drift")
	h.tool.must(t, h.work.dir, succeeds, "schema", "status")
}

// ledger holds the last rollout's rows against the registry.
func (h *history) ledger(t *testing.T) {
	t.Helper()
	wrong := value[string](t, h, `
		WITH last AS (SELECT * FROM bailiwick.rollouts ORDER BY id DESC LIMIT 1)
		SELECT coalesce(string_agg(format('%s is %s, to %s: %s', g.slug, g.state, g.to_fp, g.error), E'\n'), '')
		FROM last
		JOIN bailiwick.rollout_targets g ON g.rollout_id = last.id
		LEFT JOIN public.tenants n ON g.schema = 't_' || replace(n.id::text, '-', '')
		WHERE last.state <> 'done' OR NOT CASE WHEN n.state = 'offboarding' THEN g.state IN ('skipped', 'done')
			ELSE g.state = 'done' AND (n.schema_fingerprint = g.to_fp OR g.schema = 'public') END`)
	if wrong != "" {
		t.Errorf("the ledger is wrong:\n%s", wrong)
	}
}

// refused tries a version that a running release can't bear.
func (h *history) refused(t *testing.T, v version, query, release string) {
	t.Helper()
	copied := project{t.TempDir()}
	if err := os.CopyFS(copied.dir, os.DirFS(h.work.dir)); err != nil {
		t.Fatal(err)
	}
	copied.edit(t, v.edits)
	h.breaks(t, copied.dir, "apply", query, release)
}

// breaks tries to do what breaks a query of a running release.
func (h *history) breaks(t *testing.T, dir, command, query, release string) {
	t.Helper()
	before := h.desired(t)
	out := h.tool.must(t, dir, []int{1}, "schema", command, "--yes", "--soak", "0s")
	said := out.stdout + out.stderr
	if !strings.Contains(said, query) || !strings.Contains(said, release) {
		t.Errorf("%s, which breaks %s of release %s, is refused with:\n%s", command, query, release, said)
	}
	h.at(t, before)
}

var draftLine = regexp.MustCompile(`(?m)^-- bailiwick:draft .*\n`)

// writePlans saves the plans, and makes of the tenants' what a person would, who
// has reviewed them.
func (h *history) writePlans(t *testing.T, v version) {
	t.Helper()
	if v.plan == nil {
		return
	}
	before := h.planFiles(t)
	out := h.tool.must(t, h.work.dir, []int{1, 2}, "schema", "plan", "--save")
	written := false
	for file, text := range h.planFiles(t) {
		if before[file] != "" {
			continue
		}
		text = draftLine.ReplaceAllString(text, "")
		if strings.Contains(text, "bailiwick:plan tenant") {
			text, written = v.plan(text), true
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !written {
		t.Fatalf("no plan of the tenants was saved:\n%s\n%s", out.stdout, out.stderr)
	}
}

func (h *history) planFiles(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.work.dir, "schema", "plans", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	return texts
}

// refusesAll asks a release that does not fit for every tenant.
func (h *history) refusesAll(t *testing.T, s *server) {
	t.Helper()
	for _, one := range h.Tenants[:len(h.Tenants)-1] {
		got := h.probe(t, s, &account{Tenant: one, token: h.token(t, one)})
		if got.status != http.StatusServiceUnavailable {
			t.Fatalf("%s at release %s: %d instead of 503: %s", one.Slug, s.release, got.status, got.body)
		}
		if kind, err := got.refusal(); err != nil || kind != "schema-mismatch" {
			t.Errorf("%s at release %s: %q, %v", one.Slug, s.release, kind, err)
		}
	}
}

// recovers waits until a release that did not fit serves every tenant, and tells
// for how long after a tenant's turn its clients were still refused.
func (h *history) recovers(t *testing.T, s *server) {
	t.Helper()
	for _, one := range h.Tenants[:len(h.Tenants)-1] {
		a := &account{Tenant: one, token: h.token(t, one)}
		await(t, "release "+s.release+" serves "+one.Slug, func() bool { return h.probe(t, s, a).status == http.StatusOK })
	}
	var longest time.Duration
	late := 0
	for _, a := range h.load.everybody() {
		turn := value[time.Time](t, h, "SELECT finished_at FROM bailiwick.rollout_targets WHERE schema = $1 ORDER BY rollout_id DESC LIMIT 1", a.Schema())
		a.mu.Lock()
		if after := a.refused.Sub(turn); after > 0 {
			late++
			longest = max(longest, after)
		}
		a.mu.Unlock()
	}
	t.Logf("%d. release %s serves all; %d tenants were refused after their turn, for %s at most", h.step, s.release, late, longest.Round(time.Millisecond))
	h.load.count()
}

func (h *history) probe(t *testing.T, s *server, a *account) *answer {
	t.Helper()
	got, err := s.ask(t.Context(), a, http.MethodGet, "/v1/roles", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// everything compares what the clients know with what is stored.
func (h *history) everything(t *testing.T) {
	t.Helper()
	for _, a := range h.load.everybody() {
		for _, look := range []func(context.Context, *account) error{h.load.readRole, h.load.listRoles, h.load.listUsers, h.load.listProviders} {
			if err := look(t.Context(), a); err != nil {
				t.Errorf("%s in the end: %v", a.Slug, err)
			}
		}
	}
}
