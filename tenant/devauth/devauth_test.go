package devauth_test

import (
	"crypto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devauth"
)

func TestAllOpenersGetOneKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := make([]string, 8)
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			key, err := devauth.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = string(key.Public())
		})
	}
	group.Wait()
	for _, key := range keys {
		if key == "" || key != keys[0] {
			t.Fatal("the keys differ")
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	info, err := files[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}

func TestTokenIsVerifiable(t *testing.T) {
	t.Parallel()
	key, err := devauth.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	id := tenant.NewID()
	token, err := key.Token(id, "owner@acme.example", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	verifier := oidc.NewVerifier(devauth.Issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key.Public()}},
		&oidc.Config{ClientID: devauth.Audience, SupportedSigningAlgs: []string{oidc.EdDSA}})
	verified, err := verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if verified.Subject != "owner@acme.example" || claims[devauth.TenantClaim] != id.String() {
		t.Fatalf("%v", claims)
	}
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	key, err := devauth.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, sign := range map[string]func() (string, error){
		"tenant": func() (string, error) { return key.Token(tenant.ID{}, "x", time.Hour) },
		"user":   func() (string, error) { return key.Token(tenant.NewID(), "", time.Hour) },
		"ttl":    func() (string, error) { return key.Token(tenant.NewID(), "x", 0) },
	} {
		if token, err := sign(); err == nil || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
}

func TestOpenRefusesWhatIsNoPrivateKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by others": {"", 0o644, "others may read"},
		"no key":             {"hello", 0o600, "holds no key"},
		"broken":             {"-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n", 0o600, "read token key"},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "token-key.pem")
		if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := devauth.Open(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := devauth.Open(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("absent folder: no error")
	}
}

func TestAllOpenersGetOneKeyring(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hashes := make([]string, 8)
	var group sync.WaitGroup
	for i := range hashes {
		group.Go(func() {
			keys, err := devauth.OpenKeyring(dir)
			if err != nil {
				t.Error(err)
				return
			}
			hashes[i] = string(keys.Hash("test", []byte("x")))
		})
	}
	group.Wait()
	for _, hash := range hashes {
		if hash == "" || hash != hashes[0] {
			t.Fatal("the keys differ")
		}
	}
	file := filepath.Join(dir, "secret-keys")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := devauth.OpenKeyring(dir); err == nil || !strings.Contains(err.Error(), "delete it") || strings.Contains(err.Error(), "hello") {
		t.Errorf("no keys: %v", err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := devauth.OpenKeyring(dir); err == nil || !strings.Contains(err.Error(), "others may read") {
		t.Errorf("readable by others: %v", err)
	}
}
