package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// demo are two tenants, each with a note that only its own keys open.
func demo() []service.DemoTenant {
	seed := func(ctx context.Context, tx pgx.Tx, t tenant.Tenant, keys *keyring.Keyring) error {
		_, sealed := keys.Seal([]byte("of "+t.Slug), t.ID.String())
		_, err := tx.Exec(ctx, "INSERT INTO notes (text) VALUES ($1)", fmt.Sprintf("%x", sealed))
		return err
	}
	return []service.DemoTenant{{Slug: "acme", Name: "Acme", Seed: seed}, {Slug: "globex"}}
}

// Two processes that start at once on a new database serve the same tenants.
func TestDemoTenantsAreMadeOnce(t *testing.T) {
	t.Parallel()
	urls := tenanttest.Database(t)
	keys, err := keyring.Parse(keyring.Generate("k"))
	if err != nil {
		t.Fatal(err)
	}
	made := make([][]tenant.Tenant, 2)
	errs := make([]error, len(made))
	var group sync.WaitGroup
	for i := range made {
		cat, err := catalog.Open(t.Context(), catalog.Config{URL: urls.OwnerURL, RuntimeRole: devpg.RuntimeRole, Schema: config().Schema})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cat.Close)
		group.Go(func() {
			errs[i] = cat.Install(t.Context())
			if errs[i] == nil {
				made[i], errs[i] = service.EnsureTenants(t.Context(), cat, demo(), keys, slog.New(slog.DiscardHandler))
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made[0], made[1]); diff != "" || len(made[0]) != len(demo()) {
		t.Errorf("tenants of the two (-first +second):\n%s", diff)
	}
}

var printedDir = regexp.MustCompile(`data in (\S+)`)

// ownCache gives the test a cache of its own: it must not touch what a developer
// has. Such a test is not parallel, for it sets an environment variable.
func ownCache(t *testing.T) {
	t.Helper()
	cache, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(cache); err != nil {
			t.Error(err)
		}
	})
	// PostgreSQL may run as another user.
	if err := os.Chmod(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BAILIWICK_CACHE_DIR", cache)
}

// Only a yes deletes.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"y\n": "", "Yes\n": "", "yes": "", "n\n": "nothing was deleted", "\n": "nothing was deleted", "yesterday\n": "nothing was deleted", "": "add --yes",
	} {
		var out strings.Builder
		err := service.Confirm(t.Context(), service.Process{Stdin: strings.NewReader(line), Stdout: &out}, true, []string{"a", "b", "c", "d", "e", "f"})
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", line, err)
		}
		if out.String() != "This deletes all 6 tenants of the development database (a, b, c, d, e, ...). Go on? [y/N] " {
			t.Errorf("asked %q", out.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	silent, w := io.Pipe()
	defer w.Close()
	if err := service.Confirm(ctx, service.Process{Stdin: silent, Stdout: io.Discard}, true, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Ctrl-C: %v", err)
	}
}

// The embedded mode from the first start on: keys are made once, schemas that
// differ are named, and nothing is deleted unless somebody says so.
func TestEmbedded(t *testing.T) {
	ownCache(t)
	cfg := config()
	cfg.Demo = demo()
	first := servicetest.Start(t, cfg, nil)
	for _, want := range []string{"http://acme.localhost:", "/docs/\n", "bailiwick token --tenant acme --user owner@acme.example"} {
		if !strings.Contains(first.Stdout.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, first.Stdout.String())
		}
	}
	if strings.Contains(first.Stdout.String(), "curl") {
		t.Errorf("a curl line without a request:\n%s", first.Stdout.String())
	}
	dir := printedDir.FindStringSubmatch(first.Stdout.String())[1]
	keys, err := os.ReadFile(dir + "/secret-keys")
	if err != nil {
		t.Fatal(err)
	}
	res, err := first.Client().Get("http://acme.localhost/docs/")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("docs: %v, %v", res, err)
	}
	if err == nil {
		_ = res.Body.Close()
	}
	first.Stop(t)

	cfg.Schema.Tenant += "\nCREATE TABLE more ();"
	second := servicetest.Start(t, cfg, nil)
	if log := second.Log.String(); !strings.Contains(log, `"count":2,"slugs":"acme globex"`) || strings.Count(log, "schema/tenant.sql") != 1 {
		t.Errorf("the versions are not told:\n%s", log)
	}
	second.Stop(t)

	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, stdin := range map[string]io.Reader{"none": nil, "a pipe": strings.NewReader("y\n"), "a device": null} {
		err := service.Run(t.Context(), cfg, service.Process{
			Args: []string{"--reset"}, Environ: []string{"ADDR=127.0.0.1:0"}, Stdin: stdin, Stdout: io.Discard, Stderr: io.Discard,
		})
		if err == nil || !strings.Contains(err.Error(), "all 2 tenants of the development database (acme, globex), and nobody can be asked: add --yes") {
			t.Errorf("stdin is %s: %v", name, err)
		}
	}

	last := servicetest.Start(t, cfg, []string{"--reset", "--yes"})
	if log := last.Log.String(); !strings.Contains(log, `"msg":"reset: every tenant is deleted","count":2`) || strings.Contains(log, "schema/tenant.sql") {
		t.Errorf("the reset is not told:\n%s", log)
	}
	last.Stop(t)
	if again, err := os.ReadFile(dir + "/secret-keys"); err != nil || string(again) != string(keys) {
		t.Errorf("the keys are others: %v", err)
	}
}
