//go:build cgo

package main

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
)

// runToken runs "bailiwick token" and returns what it prints.
func runToken(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(append([]string{"--dir", repository, "token"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// keyFolder finds the folder of the instance's key below a cache.
func keyFolder(t *testing.T, cache string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "token-key.pem" {
			found = filepath.Dir(path)
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no key below %s: %v", cache, err)
	}
	return found
}

func TestToken(t *testing.T) { // not parallel: it sets the environment
	dir, err := os.MkdirTemp("", "bailiwick-token-") // not t.TempDir: the server's account must enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	withoutDatabase(t)
	t.Setenv("BAILIWICK_CACHE_DIR", dir)

	_, err = runToken(t, "--tenant", "initech", "--user", "alice@initech.example")
	wantText(t, err, "`go run ./server` makes them")
	created := tenantRecord(t, "create", "initech", "--plan", "free")
	out, err := runToken(t, "--tenant", "initech", "--user", "alice@initech.example", "--ttl", "1h")
	if err != nil || strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
		t.Fatalf("%v: %q", err, out)
	}
	key, err := devauth.Open(keyFolder(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	verifier := oidc.NewVerifier(devauth.Issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}},
		&oidc.Config{ClientID: devauth.Audience, SupportedSigningAlgs: []string{oidc.EdDSA}})
	token, err := verifier.Verify(t.Context(), strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	left := time.Until(token.Expiry)
	if token.Subject != "alice@initech.example" || claims[devauth.TenantClaim] != created.ID.String() || left > time.Hour || left < 50*time.Minute {
		t.Errorf("%v, expires in %s", claims, left)
	}

	_, err = runToken(t, "--tenant", "nobody", "--user", "x")
	wantText(t, err, "has no tenant nobody")
	_, err = runToken(t, "--tenant", "Not_A_Slug", "--user", "x")
	wantText(t, err, "only a-z, 0-9 and inner hyphens")
	_, err = runToken(t, "--tenant", "initech")
	wantText(t, err, "the flag --user is required\n\tmend: see `bailiwick token --help`")
	_, err = runToken(t, "--tenant", "initech", "--user", "x", "--ttl", "-1s")
	wantText(t, err, "must be positive")

	// With a database of one's own, it says which one it is for.
	t.Setenv("DATABASE_URL", "postgres://app@db.example/app")
	root := newRootCommand()
	var answer, warnings bytes.Buffer
	root.SetOut(&answer)
	root.SetErr(&warnings)
	root.SetArgs([]string{"--dir", repository, "token", "--tenant", "initech", "--user", "x", "--json"})
	var printed printedToken
	if err := errors.Join(root.ExecuteContext(t.Context()), json.Unmarshal(answer.Bytes(), &printed)); err != nil {
		t.Fatal(err)
	}
	if printed.Tenant != created.ID || printed.Subject != "x" || printed.Token == "" || time.Until(printed.ExpiresAt) < time.Minute {
		t.Errorf("%+v", printed)
	}
	if !strings.Contains(warnings.String(), "DATABASE_URL is set, but a token is for the embedded database only") {
		t.Errorf("warnings: %q", warnings.String())
	}
}

// TestSameDatabase: roles and passwords don't make another database.
func TestSameDatabase(t *testing.T) {
	t.Parallel()
	const dev = "postgres://owner:a@127.0.0.1:5433/bailiwick"
	for url, want := range map[string]bool{
		dev: true, "postgres://runtime:b@127.0.0.1:5433/bailiwick?sslmode=disable": true,
		"host=127.0.0.1 port=5433 dbname=bailiwick user=x": true,
		"postgres://owner:a@127.0.0.1:5434/bailiwick":      false,
		"postgres://owner:a@127.0.0.1:5433/other":          false,
		"postgres://owner:a@db.example:5433/bailiwick":     false,
	} {
		if got := sameDatabase(url, dev); got != want {
			t.Errorf("%s: %t", url, got)
		}
	}
}
