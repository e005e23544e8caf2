package signup_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// plans are those of the tests: one on offer, one that is not.
const plans = `
CREATE TABLE public.plans (name text PRIMARY KEY, listed boolean NOT NULL);
INSERT INTO public.plans VALUES ('team', true), ('internal', false);
ALTER TABLE public.tenants ADD COLUMN plan text REFERENCES public.plans (name);
`

// world is a desk with its mail and its worker's means.
type world struct {
	*signup.Desk
	*tenanttest.DB

	pool  *pgxpool.Pool
	inbox *inbox
}

func newWorld(t *testing.T, change ...func(*signup.Config)) *world {
	t.Helper()
	w := &world{inbox: &inbox{}}
	w.DB = tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{
		Public: tenanttest.PublicSchema + plans, Tenant: "CREATE TABLE notes (text text);",
	}})
	keys, err := keyring.Parse(keyring.Generate("test"))
	if err != nil {
		t.Fatal(err)
	}
	config := signup.Config{
		DB: w.DB.DB, Keys: keys, Mail: w.inbox.take, BaseDomain: "app.example",
		PerAddress: limit.Policy{Quota: 1000, Window: time.Hour}, PerEmail: limit.Policy{Quota: 1000, Window: time.Hour},
	}
	for _, f := range change {
		f(&config)
	}
	w.Desk = signup.New(config)
	w.pool, err = pgxpool.New(t.Context(), w.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	return w
}

// inbox is all mail that was sent.
type inbox struct {
	mu   sync.Mutex
	mail []mail.Message
	err  error
}

func (b *inbox) take(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mail = append(b.mail, m)
	return b.err
}

var tokenForm = regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`)

// token is the one of the last mail.
func (b *inbox) token(t *testing.T) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mail) == 0 {
		t.Fatal("no mail was sent")
	}
	return tokenForm.FindString(b.mail[len(b.mail)-1].Text)
}

func (w *world) request(t *testing.T, slug string) (token string) {
	t.Helper()
	if err := w.Request(t.Context(), signup.Request{Slug: slug, Name: "Initech", Email: "peter@initech.example", Plan: "team"}); err != nil {
		t.Fatal(err)
	}
	return w.inbox.token(t)
}

// work does what is due once.
func (w *world) work(t *testing.T) (done int) {
	t.Helper()
	done, err := signup.Job(slog.New(slog.DiscardHandler), w.pool, w.Catalog).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) look(t *testing.T, id tenant.ID, token string) signup.Signup {
	t.Helper()
	s, err := w.Look(t.Context(), id, token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// status is what a client is answered with.
func status(err error) int {
	if err == nil {
		return 0
	}
	problem, _ := rest.ProblemOf(err)
	return problem.Status
}

// From the request to the tenant, which has the plan, the name and its owner.
func TestCourse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.request(t, "initech")
	if got := w.work(t); got != 0 {
		t.Errorf("%d tenants before the confirmation", got)
	}
	s, err := w.Confirm(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	want := signup.Signup{ID: s.ID, Slug: "initech", State: signup.Provisioning}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("confirmed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, w.look(t, s.ID, token)); diff != "" {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	if done := []int{w.work(t), w.work(t)}; !cmp.Equal([]int{1, 0}, done) {
		t.Errorf("done: %v", done)
	}
	want.State, want.Host = signup.Ready, "initech.app.example"
	if diff := cmp.Diff(want, w.look(t, s.ID, token)); diff != "" {
		t.Errorf("ready (-want +got):\n%s", diff)
	}
	r, err := w.Catalog.Get(t.Context(), "initech")
	if err != nil || r.State != catalog.StateActive || r.Plan != "team" || r.Name != "Initech" {
		t.Errorf("%+v, %v", r, err)
	}
	entries, err := w.Catalog.Audit(t.Context(), catalog.AuditFilter{Tenant: catalog.Ref{ID: r.ID}})
	if err != nil || len(entries) != 1 || entries[0].Actor != "signup:"+s.ID.String() {
		t.Errorf("%+v, %v", entries, err)
	}
	if _, err := w.Catalog.Rename(t.Context(), catalog.Ref{ID: r.ID}, "initrode"); err != nil {
		t.Fatal(err)
	}
	if got := w.look(t, s.ID, token); got.Host != "initrode.app.example" {
		t.Errorf("renamed: %+v", got)
	}
	if _, err := w.Catalog.Suspend(t.Context(), catalog.Ref{ID: r.ID}, "unpaid"); err != nil {
		t.Fatal(err)
	}
	if got := w.look(t, s.ID, token); got.State != signup.Ready || got.Host != "" {
		t.Errorf("suspended: %+v", got)
	}
}

// Attack 25: neither the answer nor the work says whether there is a tenant, for
// the registry is not even there; and what is mailed is the same but for the slug.
func TestAttack25RequestTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "ALTER TABLE public.tenants RENAME TO elsewhere")
	var texts []string
	for _, slug := range []string{"acme", "initech", "acrne"} { // Taken, free, and one that looks like a taken one.
		token := w.request(t, slug)
		m := w.inbox.mail[len(w.inbox.mail)-1]
		texts = append(texts, strings.NewReplacer(token, "TOKEN", slug+".", "SLUG.").Replace(m.Subject+"\n"+m.Text))
	}
	for _, text := range texts[1:] {
		if text != texts[0] {
			t.Errorf("mail differs:\n%s\n%s", texts[0], text)
		}
	}
}

// What no slug can be is said at once, from its text: the registry is not there.
func TestNoSlug(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "ALTER TABLE public.tenants RENAME TO elsewhere")
	for slug, want := range map[string]string{
		"admin": `slug "admin" is a reserved name`, "adrnin": `slug "adrnin" looks like the reserved name "admin"`,
		"Initech": "only a-z, 0-9 and inner hyphens", "xn--acme": "hyphens as third and fourth character", "127": "is a number",
		"": "slug is empty", tenant.NewID().String(): "has the form of a tenant's id", "purged-1": "begins the slugs of tenants that are gone",
	} {
		err := w.Request(t.Context(), signup.Request{Slug: slug, Email: "peter@initech.example", Plan: "team"})
		problem, _ := rest.ProblemOf(err)
		if problem.Status != 422 || len(problem.Errors) != 1 || problem.Errors[0].Pointer != "/slug" || !strings.Contains(problem.Errors[0].Detail, want) {
			t.Errorf("%s: %+v", slug, problem)
		}
	}
	if len(w.inbox.mail) != 0 {
		t.Errorf("%d mails", len(w.inbox.mail))
	}
}

// Only who has the mail is told that a slug is taken, and a wrong, an expired and a
// used token are one answer.
func TestConfirm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for slug, want := range map[string]int{"acme": 409, "initech": 0} {
		token := w.request(t, slug)
		if _, err := w.Confirm(t.Context(), token); status(err) != want {
			t.Errorf("%s: %v", slug, err)
		}
	}
	second := w.request(t, "initech")
	if _, err := w.Confirm(t.Context(), second); status(err) != 409 {
		t.Errorf("a slug that another one has confirmed: %v", err)
	}
	expired := w.request(t, "umbrella")
	w.exec(t, "UPDATE bailiwick.signups SET expires_at = now() WHERE slug = 'umbrella'")
	_, used := w.confirmed(t, "used")
	var answers []string
	for _, token := range []string{"", "x", strings.Repeat("A", 43), expired, used, "' OR true --"} {
		_, err := w.Confirm(t.Context(), token)
		answers = append(answers, fmt.Sprint(rest.ProblemOf(err)))
		if status(err) != 404 {
			t.Errorf("%q: %v", token, err)
		}
	}
	for _, answer := range answers {
		if answer != answers[0] {
			t.Errorf("%s\n%s", answers[0], answer)
		}
	}
}

// A sign-up is seen by who has its own token.
func TestLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.request(t, "initech")
	s, err := w.Confirm(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	others := w.request(t, "umbrella")
	for name, c := range map[string]struct {
		id    tenant.ID
		token string
	}{"another's token": {s.ID, others}, "no token": {s.ID, ""}, "nobody's": {tenant.NewID(), mine}} {
		if _, err := w.Look(t.Context(), c.id, c.token); status(err) != 404 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	valid := signup.Request{Slug: "initech", Name: "Initech", Email: "peter@initech.example", Plan: "team"}
	for name, change := range map[string]func(*signup.Request){
		"slug in upper case":  func(r *signup.Request) { r.Slug = "Initech" },
		"slug with a quote":   func(r *signup.Request) { r.Slug = `a"b` },
		"slug with NUL":       func(r *signup.Request) { r.Slug = "a\x00b" },
		"slug of 41 bytes":    func(r *signup.Request) { r.Slug = strings.Repeat("a", 41) },
		"no slug":             func(r *signup.Request) { r.Slug = "" },
		"no address":          func(r *signup.Request) { r.Email = "peter" },
		"two addresses":       func(r *signup.Request) { r.Email = "a@b.example\nBcc: c@d.example" },
		"a name of two lines": func(r *signup.Request) { r.Name = "Ini\r\ntech" },
		"a plan of nobody":    func(r *signup.Request) { r.Plan = "gold" },
		"a plan not on offer": func(r *signup.Request) { r.Plan = "internal" },
	} {
		r := valid
		change(&r)
		if err := w.Request(t.Context(), r); status(err) != 422 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(w.inbox.mail) != 0 {
		t.Errorf("%d mails", len(w.inbox.mail))
	}
}

// One client and one address have their limits, each by itself.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *signup.Config) {
		c.PerAddress, c.PerEmail = limit.Policy{Quota: 3, Window: time.Hour}, limit.Policy{Quota: 2, Window: time.Hour}
	})
	from := func(addr, email string) int {
		ctx := limit.WithAddress(t.Context(), netip.MustParseAddr(addr))
		return status(w.Request(ctx, signup.Request{Slug: "initech", Email: email, Plan: "team"}))
	}
	for i, step := range []struct {
		addr, email string
		want        int
	}{
		{"203.0.113.1", "a@x.example", 0}, {"203.0.113.1", "A@X.example", 0}, {"203.0.113.1", "a@x.example", 429}, {"203.0.113.1", "b@x.example", 429},
		{"203.0.113.2", "a@x.example", 429}, {"203.0.113.2", "b@x.example", 0}, {"203.0.113.2", "nobody", 422}, {"203.0.113.2", "nobody", 429},
	} {
		if got := from(step.addr, step.email); got != step.want {
			t.Errorf("%d: %d instead of %d", i+1, got, step.want)
		}
	}
}

func TestNoDesk(t *testing.T) {
	t.Parallel()
	var d *signup.Desk
	if err := d.Request(t.Context(), signup.Request{}); status(err) != 404 {
		t.Error(err)
	}
	if _, err := d.Confirm(t.Context(), "x"); status(err) != 404 {
		t.Error(err)
	}
	if _, err := d.Look(t.Context(), tenant.NewID(), "x"); status(err) != 404 {
		t.Error(err)
	}
}

func TestMailCantBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *signup.Config) { c.Link = "https://app.example/welcome/{id}#{token}" })
	w.inbox.err = fmt.Errorf("550 s3cret")
	err := w.Request(t.Context(), signup.Request{Slug: "initech", Email: "peter@initech.example", Plan: "team"})
	problem, header := rest.ProblemOf(err)
	if problem.Status != 503 || header.Get("Retry-After") == "" || strings.Contains(problem.Detail, "s3cret") {
		t.Errorf("%+v %v", problem, header)
	}
	if text := w.inbox.mail[0].Text; !regexp.MustCompile(`(?m)^https://app\.example/welcome/[0-9a-f-]{36}#[A-Za-z0-9_-]{43}$`).MatchString(text) {
		t.Errorf("no link in %s", text)
	}
}
