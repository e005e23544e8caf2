package attack_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/attack"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/operator"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// repository is the module's root.
const repository = "../.."

const (
	// startTimeout bounds the start of a server.
	startTimeout = time.Minute
	// reaction is for machines that are busy; test/routing wants a second.
	reaction = 20 * time.Second
)

// rows are what each tenant has: something for every list. Numbers that count
// from one in each tenant begin anywhere, so that B's are not A's as well.
const rows = `
INSERT INTO users (email, display_name) VALUES ('limited@example.org', 'Limited'), ('removed@example.org', 'Removed');
INSERT INTO roles (id, name, permissions) OVERRIDING SYSTEM VALUE
	VALUES (1000 + (random() * 1e9)::bigint, 'everything', enum_range(NULL::permission));
INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE u.email = 'removed@example.org' AND r.name = 'everything';
INSERT INTO invitations (email, role_id, token_hash) SELECT 'bob@example.org', id, sha256(gen_random_uuid()::text::bytea) FROM roles WHERE name = 'everything';
INSERT INTO providers (kind, uid) VALUES ('aws', substr(current_schema(), 3, 12)), ('gcp', substr(current_schema(), 3, 14));
INSERT INTO scans (provider_id, trigger, state, progress, started_at, completed_at)
	SELECT id, 'manual', 'completed', 100, now(), now() FROM providers;
INSERT INTO resources (provider_id, uid, service, region, kind) SELECT id, 'r-1', 's3', 'eu-west-1', 'bucket' FROM providers;
INSERT INTO findings (scan_id, uid, check_id, service, region, severity, status, first_seen_at)
	SELECT id, 'f-1', 's3_public', 's3', 'eu-west-1', 'high', 'fail', now() FROM scans;
INSERT INTO mute_rules (name, reason, service, created_by) VALUES ('all', 'no matter', 's3', 'alice@example.org');
INSERT INTO reports (id, scan_id, title, format, requested_by, expires_at) OVERRIDING SYSTEM VALUE
	SELECT 1000 + (random() * 1e9)::bigint, id, 'all', 'csv', 'alice@example.org', now() + '1 day' FROM scans;
`

// world is a database with tenants, and the server of a build on it.
type world struct {
	*tenanttest.DB

	issuer *servicetest.Issuer
	ring   *keyring.Keyring
	log    *servicetest.Output
	// removed is a token of somebody who was a member of the first tenant.
	removed string
	// addr and operator are where its listeners are, and operatorKey is good at the second.
	addr, operator, operatorKey string
	// keys are a good API key of each tenant, revoked ones that are not any more.
	keys, revoked []string
}

var (
	listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)
	operating = regexp.MustCompile(`"msg":"listening","api":"operator","address":"([^"]+)"`)
)

// newWorld starts a server's binary on a database of its own with three tenants.
func newWorld(t *testing.T, binary string) *world {
	t.Helper()
	w := &world{
		DB: tenanttest.New(t, tenanttest.Options{
			Schema:     catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, TenantSeed: schema.TenantSeed, Seed: schema.Seed},
			Tenants:    3,
			TenantSQL:  rows,
			OwnerEmail: servicetest.Subject,
		}),
		issuer: servicetest.NewIssuer(t),
	}
	secret := keyring.Generate("test")
	var err error
	if w.ring, err = keyring.Parse(secret); err != nil {
		t.Fatal(err)
	}
	w.makeKeys(t)
	var operators string
	if w.operatorKey, operators, err = operator.GenerateKey("ann"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "PORT=", "LOG_FORMAT=json", "ADDR=127.0.0.1:0")
	cmd.Env = append(cmd.Env, servicetest.Settings(w.RuntimeURL, w.issuer)...)
	cmd.Env = append(cmd.Env, "SECRET_KEYS="+secret, "DATABASE_OWNER_URL="+w.OwnerURL, "TENANT_FROM=subdomain,domain",
		"OPERATOR_ADDR=127.0.0.1:0", "OPERATOR_KEYS="+operators,
		"SIGNUP=on", "MAIL_URL=smtp://"+newMailbox(t)+"?from=service@app.example")
	log := &servicetest.Output{}
	w.log = log
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	var once sync.Once
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		once.Do(func() {
			if err := cmd.Process.Signal(os.Interrupt); err == nil {
				<-ended
			}
		})
	})
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(10 * time.Millisecond) {
		found, also := listening.FindStringSubmatch(log.String()), operating.FindStringSubmatch(log.String())
		if found != nil && also != nil {
			w.addr, w.operator = found[1], also[1]
			w.remove(t)
			return w
		}
		select {
		case err := <-ended:
			once.Do(func() {})
			t.Fatalf("the server ended: %v\n%s", err, log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not listen:\n%s", log)
		}
	}
}

// target is the world with all that the suite can make use of.
func (w *world) target(t *testing.T) attack.Target {
	t.Helper()
	party := func(i int) attack.Party {
		return attack.Party{
			Host:  w.Tenants[i].Slug + "." + servicetest.BaseDomain,
			Token: w.issuer.Token(t, w.Tenants[i], servicetest.Subject),
			Key:   w.keys[i], RevokedKey: w.revoked[i],
		}
	}
	target := attack.Target{
		URL: "http://" + w.addr, Document: bailiwick.OpenAPI,
		A: party(0), B: party(1), Spare: party(2), OperatorURL: "http://" + w.operator,
		OperatorKey: w.operatorKey, KeysURL: w.issuer.URL,
		Sign:       func(claims map[string]any) (string, error) { return w.issuer.Sign(t, jose.ES256, claims), nil },
		Log:        func() ([]byte, error) { return []byte(w.log.String()), nil },
		Sever:      func(ctx context.Context) (int, error) { return servicetest.Sever(ctx, w.URLs) },
		Reaction:   reaction,
		RuntimeURL: w.RuntimeURL, OwnerURL: w.OwnerURL,
	}
	target.A.Limited = w.issuer.Token(t, w.Tenants[0], "limited@example.org")
	target.A.Removed = w.removed
	return target
}

// remove makes a token of somebody who is a member, and then is none.
func (w *world) remove(t *testing.T) {
	t.Helper()
	const email = "removed@example.org"
	w.removed = w.issuer.Token(t, w.Tenants[0], email)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.addr+"/v1/me", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = w.Tenants[0].Slug + "." + servicetest.BaseDomain
	req.Header.Set("Authorization", "Bearer "+w.removed)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("a member is answered with %s, %v", res.Status, err)
	}
	conn := w.asOwner(t)
	if _, err := conn.Exec(t.Context(), `DELETE FROM `+w.Tenants[0].Schema()+`.users WHERE email = $1`, email); err != nil {
		t.Fatal(err)
	}
}

// asOwner is a connection that is closed when the test ends.
func (w *world) asOwner(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// makeKeys gives the owner of each tenant two API keys, of which one is revoked.
func (w *world) makeKeys(t *testing.T) {
	t.Helper()
	conn := w.asOwner(t)
	for _, of := range w.Tenants {
		for _, revoked := range []bool{false, true} {
			key := identity.NewAPIKey(w.ring, of.ID)
			_, err := conn.Exec(t.Context(), `INSERT INTO `+of.Schema()+`.api_keys (id, user_id, name, prefix, secret_hash, permissions, revoked_at)
				OVERRIDING SYSTEM VALUE
				SELECT 1000 + (random() * 1e9)::bigint, id, 'ci', $1, $2, enum_range(NULL::`+of.Schema()+`.permission), CASE WHEN $3 THEN now() END
				FROM `+of.Schema()+`.users WHERE email = $4`, key.Prefix, key.Hash(w.ring), revoked, servicetest.Subject)
			if err != nil {
				t.Fatal(err)
			}
			if revoked {
				w.revoked = append(w.revoked, key.String())
			} else {
				w.keys = append(w.keys, key.String())
			}
		}
	}
}

// unoptimized compiles the repository's own packages in two thirds of the time: of
// each broken build, what depends on the broken package is compiled anew.
const unoptimized = "-gcflags=github.com/bailiwick-dev/bailiwick/...=-N -l -dwarf=false"

// build builds a command of the repository, such as the reference service, with the
// files of an overlay in the place of their originals; an empty overlay is none,
// and gives the command as it is shipped.
func build(t *testing.T, command, binary, overlay string) {
	t.Helper()
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", binary}
	if overlay != "" {
		args = append(args, unoptimized, "-overlay", overlay)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, command)...)
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", command, err, out)
	}
}
