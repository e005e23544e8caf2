package operate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

const base = "http://app.example"

// ask asks for a tenant, as a client of its own.
func ask(t *testing.T, p *process, slug, email, from string) reply {
	t.Helper()
	body := fmt.Sprintf(`{"slug":%q,"name":"Initech","email":%q,"plan":"team"}`, slug, email)
	return send(t, p.addr, "POST", base+"/v1/signups", body, "X-Forwarded-For", from, "X-Request-ID", "the-same-id")
}

// confirm comes with a token, and gives the sign-up's path.
func confirm(t *testing.T, p *process, token string) (path string) {
	t.Helper()
	r := send(t, p.addr, "POST", base+"/v1/confirmed-signups", fmt.Sprintf(`{"token":%q}`, token))
	if r.status != http.StatusAccepted {
		t.Fatalf("confirm: %d %s", r.status, r.body)
	}
	return r.header.Get("Location")
}

// look is how far the sign-up is; nothing, when that was asked too often.
func look(t *testing.T, p *process, path, token string) (s struct{ Slug, State, Host string }) {
	t.Helper()
	r := send(t, p.addr, "GET", base+path, "", signup.TokenHeader, token)
	if r.status == http.StatusTooManyRequests {
		return s
	}
	if err := json.Unmarshal([]byte(r.body), &s); err != nil || r.status != http.StatusOK {
		t.Fatalf("look: %d %s", r.status, r.body)
	}
	return s
}

// served asks the new tenant's host, as its first user.
func (w *world) served(t *testing.T, p *process, host, email string) reply {
	t.Helper()
	record, err := w.Catalog.Get(t.Context(), strings.TrimSuffix(host, ".app.example"))
	if err != nil {
		t.Fatal(err)
	}
	token := w.issuer.Token(t, record.Tenant(), email)
	return send(t, p.addr, "GET", "http://"+host+"/v1/providers", "", "Authorization", "Bearer "+token)
}

// From the asking to a tenant that answers, by two servers which both have a worker.
// Attack 25: what is taken is answered like what is free, byte for byte.
func TestSignup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.start(t), w.start(t)
	const peter = "peter@initech.example"
	var answers []reply
	for i, slug := range []string{"acme", "initech", "globex"} {
		r := ask(t, a, slug, peter, fmt.Sprintf("203.0.113.%d", i))
		r.header.Del("Date")
		answers = append(answers, r)
		token := w.mail.token(t, peter)
		if slug == "initech" {
			path := confirm(t, b, token)
			eventually(t, "the tenant is ready", func() bool { return look(t, a, path, token).State == string(signup.Ready) })
			host := look(t, b, path, token).Host
			for _, p := range []*process{a, b} {
				if r := w.served(t, p, host, peter); host != "initech.app.example" || r.status != http.StatusOK {
					t.Errorf("%s: %d %s", host, r.status, r.body)
				}
			}
		} else if r := send(t, b.addr, "POST", base+"/v1/confirmed-signups", fmt.Sprintf(`{"token":%q}`, token)); r.status != http.StatusConflict {
			t.Errorf("%s: %d %s", slug, r.status, r.body)
		}
	}
	for _, r := range answers {
		if diff := cmp.Diff(answers[0], r, cmp.AllowUnexported(reply{})); diff != "" || r.status != http.StatusAccepted {
			t.Errorf("the answers differ:\n%s", diff)
		}
	}
	for _, p := range []*process{a, b} {
		for _, secret := range []string{w.mail.token(t, peter), peter, w.key} {
			if strings.Contains(p.log.String(), secret) {
				t.Errorf("the log holds %s", secret)
			}
		}
		p.stop(t)
	}
	all, err := w.Catalog.List(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("%d tenants, %v", len(all), err)
	}
}

// The limits hold for the client behind the proxy, and for an e-mail address.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t)
	defer p.stop(t)
	for i := range 4 {
		r := ask(t, p, "initech", fmt.Sprintf("peter%d@initech.example", i), "198.51.100.7, 203.0.113.1")
		if want := map[bool]int{false: 202, true: 429}[i == 3]; r.status != want {
			t.Errorf("%d: %d %s", i, r.status, r.body)
		}
		if i == 3 && (r.header.Get("Retry-After") == "" || r.header.Get("Ratelimit-Policy") != `"signups";q=3;w=3600` || !strings.HasPrefix(r.header.Get("Ratelimit"), `"signups";r=0;t=`)) {
			t.Errorf("%v", r.header)
		}
	}
	if r := ask(t, p, "initech", "peter@initech.example", "203.0.113.1, 203.0.113.2"); r.status != http.StatusAccepted {
		t.Errorf("another client: %d %s", r.status, r.body)
	}
	for i := range 3 {
		r := ask(t, p, "initech", "Peter@initech.example", fmt.Sprintf("203.0.113.%d", 10+i))
		if want := map[bool]int{false: 202, true: 429}[i == 2]; r.status != want {
			t.Errorf("one address of mail, %d: %d %s", i, r.status, r.body)
		}
	}
}

// A worker that is killed in the middle of a creation leaves nothing of it, and the
// next one makes the tenant.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const peter = "peter@initech.example"
	a := w.start(t)
	if r := ask(t, a, "initech", peter, "203.0.113.1"); r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.body)
	}
	token := w.mail.token(t, peter)
	release := w.hold(t)
	path := confirm(t, a, token)
	eventually(t, "the worker is at it", func() bool { return w.held(t) })
	if got := look(t, a, path, token); got.State != string(signup.Provisioning) || got.Host != "" {
		t.Errorf("%+v", got)
	}
	a.kill(t)
	release()
	if _, err := w.Catalog.Get(t.Context(), "initech"); err == nil {
		t.Error("there is a tenant although its worker was killed")
	}
	b := w.start(t)
	defer b.stop(t)
	eventually(t, "the tenant is ready", func() bool { return look(t, b, path, token).State == string(signup.Ready) })
	if r := w.served(t, b, "initech.app.example", peter); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	troubles, err := w.Catalog.Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, trouble := range troubles {
		if trouble.Kind != catalog.TroubleOrphanRole { // Other tests make and drop databases on this server.
			t.Errorf("%+v", trouble)
		}
	}
}

// hold keeps all creations from going on, until release.
func (w *world) hold(t *testing.T) (release func()) {
	t.Helper()
	conn := w.connect(t)
	for _, sql := range []string{"BEGIN", "LOCK TABLE public.tenants IN SHARE MODE"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}
}

// held tells whether a creation waits.
func (w *world) held(t *testing.T) (held bool) {
	t.Helper()
	err := w.connect(t).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks
		WHERE NOT granted AND locktype = 'relation' AND relation = 'public.tenants'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&held)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// A tenant that is offboarded is purged when its grace is over, where that is
// asked for.
func TestAutoPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leaving, err := w.Catalog.Create(t.Context(), catalog.CreateParams{Slug: "leaving", Plan: "team"}) // Roles of the others are the template's too.
	if err != nil {
		t.Fatal(err)
	}
	ref := catalog.Ref{ID: leaving.ID}
	if _, err := w.Catalog.Offboard(t.Context(), ref, catalog.OffboardParams{}); err != nil {
		t.Fatal(err)
	}
	p := w.start(t, "AUTO_PURGE=true")
	defer p.stop(t)
	eventually(t, "the tenant is purged", func() bool {
		r, err := w.Catalog.Find(t.Context(), ref)
		return err == nil && r.State == catalog.StatePurged
	})
	if r, err := w.Catalog.Get(t.Context(), w.Tenants[0].Slug); err != nil || r.State != catalog.StateActive {
		t.Errorf("%+v, %v", r, err)
	}
}
