package identity_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

func parseRing(t testing.TB, text string) *keyring.Keyring {
	t.Helper()
	ring, err := keyring.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestAPIKey(t *testing.T) {
	t.Parallel()
	ring, strangers := parseRing(t, keyring.Generate("k1")), parseRing(t, keyring.Generate("k1"))
	key := identity.NewAPIKey(ring, acme)
	read, ok := identity.ParseAPIKey(key.String())
	if !ok || read != key || !strings.HasPrefix(key.String(), identity.KeyPrefix) {
		t.Fatalf("%+v, read as %+v, %v", key, read, ok)
	}
	if !key.Minted(ring) || key.Minted(strangers) {
		t.Error("it is not known who made the key")
	}
	if !key.For(ring, acme) || key.For(ring, globex) || key.For(ring, tenant.ID{}) || key.For(strangers, acme) {
		t.Error("it is not known for whom the key is")
	}
	hash := key.Hash(ring)
	if !key.Matches(ring, hash) || key.Matches(strangers, hash) || key.Matches(ring, nil) || key.Matches(ring, hash[:31]) {
		t.Error("the secret does not match its own hash, or another")
	}
	if other := identity.NewAPIKey(ring, acme); other.Matches(ring, hash) || other.Prefix == key.Prefix || bytes.Equal(other.Hash(ring), hash) {
		t.Error("two keys are alike")
	}
}

// A key stays good when new secret keys come, and ends with those that made it.
func TestAPIKeyOutlivesRotation(t *testing.T) {
	t.Parallel()
	first, second := keyring.Generate("k1"), keyring.Generate("k2")
	old := parseRing(t, first)
	key := identity.NewAPIKey(old, acme)
	hash := key.Hash(old)
	rotated := parseRing(t, second+","+first)
	if !key.Minted(rotated) || !key.For(rotated, acme) || !key.Matches(rotated, hash) {
		t.Error("the key does not outlive the rotation")
	}
	ended := parseRing(t, second)
	if key.Minted(ended) || key.For(ended, acme) || key.Matches(ended, hash) {
		t.Error("the key outlives what made it")
	}
}

func TestParseAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	good := identity.NewAPIKey(parseRing(t, keyring.Generate("k1")), acme)
	text := good.String()
	for name, changed := range map[string]string{
		"nothing":         "",
		"no dot":          strings.Replace(text, ".", "", 1),
		"two dots":        text + ".",
		"short prefix":    text[:len(good.Prefix)-1] + text[len(good.Prefix):],
		"short secret":    text[:len(text)-1],
		"long secret":     text + "A",
		"end of line":     text[:len(text)-1] + "\n",
		"another letter":  strings.Replace(text, "bw_", "bv_", 1),
		"upper case":      "BW_" + text[3:],
		"letter in upper": text[:5] + "A" + text[6:],
		"a digit 1":       text[:5] + "1" + text[6:],
		"padding":         text[:len(text)-1] + "=",
		"not base64":      text[:len(text)-1] + "!",
		"other bits":      text[:len(text)-1] + "B", // Of the last character only four bits count.
		"a token":         "eyJhbGciOiJub25lIn0.e30.",
	} {
		if key, ok := identity.ParseAPIKey(changed); ok && key != good {
			t.Errorf("%s: %+v", name, key)
		}
	}
}
