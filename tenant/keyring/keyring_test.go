package keyring_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

const (
	tenantA = "0198c5a0-0000-7000-8000-00000000000a"
	tenantB = "0198c5a0-0000-7000-8000-00000000000b"
)

func parse(t testing.TB, text string) *keyring.Keyring {
	t.Helper()
	ring, err := keyring.Parse(text)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return ring
}

// TestSeal opens what was sealed, and the same text never seals alike.
func TestSeal(t *testing.T) {
	t.Parallel()
	ring := parse(t, keyring.Generate("k1"))
	for _, plaintext := range []string{"", "x", strings.Repeat("long", 10000)} {
		id, sealed := ring.Seal([]byte(plaintext), tenantA, "providers", "42")
		_, again := ring.Seal([]byte(plaintext), tenantA, "providers", "42")
		if id != "k1" || bytes.Equal(sealed, again) || (len(plaintext) > 8 && bytes.Contains(sealed, []byte(plaintext))) {
			t.Errorf("sealed %q, %x and %x", id, sealed, again)
		}
		got, err := ring.Open(id, sealed, tenantA, "providers", "42")
		if err != nil || string(got) != plaintext {
			t.Errorf("opened %q: %v", got, err)
		}
	}
}

// TestContext is part of what was sealed: neither another tenant's nor one that
// reads alike when written in a row opens it.
func TestContext(t *testing.T) {
	t.Parallel()
	ring := parse(t, keyring.Generate("k1"))
	id, sealed := ring.Seal([]byte("secret"), tenantA, "providers", "42")
	for _, context := range [][]string{
		{tenantB, "providers", "42"},
		{tenantA, "providers", "43"},
		{tenantA, "provider", "s42"},
		{tenantA, "providers", "42", ""},
		{tenantA, "providers42"},
		{tenantA},
		nil,
	} {
		if got, err := ring.Open(id, sealed, context...); !errors.Is(err, keyring.ErrOpen) || got != nil {
			t.Errorf("%q opens: %q, %v", context, got, err)
		}
	}
}

// TestTampering fails at each byte, and at each length.
func TestTampering(t *testing.T) {
	t.Parallel()
	ring := parse(t, keyring.Generate("k1"))
	id, sealed := ring.Seal([]byte("secret"), tenantA)
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := ring.Open(id, changed, tenantA); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("byte %d: %v", i, err)
		}
		if _, err := ring.Open(id, sealed[:i], tenantA); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("length %d: %v", i, err)
		}
	}
	mac := ring.Sign([]byte("message"), "cursor")
	for i := range mac {
		changed := bytes.Clone(mac)
		changed[i] ^= 1
		if ring.Verify([]byte("message"), changed, "cursor") || ring.Verify([]byte("message"), mac[:i], "cursor") {
			t.Errorf("a code changed at byte %d verifies", i)
		}
	}
}

// TestRotation opens by the old key and seals by the new one, until the old
// one is taken out.
func TestRotation(t *testing.T) {
	t.Parallel()
	oldKey, newKey := keyring.Generate("2026-01"), keyring.Generate("2026-02")
	before, during, after := parse(t, oldKey), parse(t, newKey+" ,\n "+oldKey), parse(t, newKey)
	id, sealed := before.Seal([]byte("secret"), tenantA)
	mac, hash := before.Sign([]byte("message"), "cursor"), before.Hash("api key", []byte("token"))

	if got, err := during.Open(id, sealed, tenantA); err != nil || string(got) != "secret" {
		t.Errorf("the old key does not open: %q, %v", got, err)
	}
	if !during.Verify([]byte("message"), mac, "cursor") {
		t.Error("the old key does not verify")
	}
	if hashes := during.Hashes("api key", []byte("token")); len(hashes) != 2 ||
		!bytes.Equal(hashes[0], during.Hash("api key", []byte("token"))) || !bytes.Equal(hashes[1], hash) {
		t.Errorf("hashes %x", hashes)
	}
	newID, resealed := during.Seal([]byte("secret"), tenantA)
	if newID != "2026-02" {
		t.Errorf("sealed by %s", newID)
	}
	if got, err := after.Open(newID, resealed, tenantA); err != nil || string(got) != "secret" {
		t.Errorf("the new key does not open: %q, %v", got, err)
	}
	if _, err := after.Open(id, sealed, tenantA); !errors.Is(err, keyring.ErrOpen) {
		t.Errorf("a key that was taken out opens: %v", err)
	}
	if _, err := after.Open(newID, sealed, tenantA); !errors.Is(err, keyring.ErrOpen) {
		t.Errorf("the id of another key opens: %v", err)
	}
	if after.Verify([]byte("message"), mac, "cursor") {
		t.Error("a key that was taken out verifies")
	}
}

// TestPurpose keeps the uses of one master key apart.
func TestPurpose(t *testing.T) {
	t.Parallel()
	ring := parse(t, keyring.Generate("k1"))
	message := []byte("message")
	mac := ring.Sign(message, "cursor")
	if !ring.Verify(message, mac, "cursor") || !bytes.Equal(mac, ring.Sign(message, "cursor")) {
		t.Error("a signature does not verify")
	}
	if ring.Verify(message, mac, "link") || ring.Verify([]byte("massage"), mac, "cursor") {
		t.Error("a signature verifies for another purpose or message")
	}
	if ring.Verify(message, ring.Hash("cursor", message), "cursor") {
		t.Error("a hash is a signature")
	}
	if bytes.Equal(ring.Hash("api key", message), ring.Hash("invitation", message)) {
		t.Error("hashes of two purposes are alike")
	}
}

// secretPart is a key as somebody may have misplaced it.
const secretPart = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzE"

// TestParseErrors say what to do and never show what was read.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	const blank = " \n"
	good := "k1:" + secretPart + "="
	tests := map[string]string{
		blank:                    "no secret keys",
		"":                       "no secret keys",
		secretPart:               "secret key 1: has no colon",
		good + ",":               "secret key 2: has no colon",
		":" + secretPart + "=":   "secret key 1: the id",
		secretPart + "=:k1":      "secret key 1: the id",
		"k 1:" + secretPart:      "secret key 1: the id",
		"k1:" + secretPart:       "secret key 1: not base64",
		"k1:" + secretPart + "!": "secret key 1: not base64",
		"k1:" + secretPart[:8] + "\n" + secretPart[8:] + "=":        "secret key 1: not base64",
		"k1:" + secretPart[:40]:                                     "secret key 1: has 30 bytes",
		good + ",k1:" + base64.StdEncoding.EncodeToString(ones(32)): "secret key 2 has the id or the key of key 1",
		good + ",k2:" + secretPart + "=":                            "secret key 2 has the id or the key of key 1",
	}
	for text, want := range tests {
		_, err := keyring.Parse(text)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
			continue
		}
		noPart(t, err.Error(), text)
	}
}

// noPart fails when a message holds a long enough part of the text for it to
// be of a key.
func noPart(t *testing.T, message, text string) {
	t.Helper()
	for i := 0; i+8 <= len(secretPart); i++ {
		if part := secretPart[i : i+8]; strings.Contains(text, part) && strings.Contains(message, part) {
			t.Errorf("%q shows a part of the key", message)
		}
	}
}

func ones(n int) []byte { return bytes.Repeat([]byte{1}, n) }

// TestPrinted shows ids and no key, however it is printed.
func TestPrinted(t *testing.T) {
	t.Parallel()
	ring := parse(t, "k1:"+secretPart+"=")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, ring); got != "keyring(k1)" {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// FuzzParse reads any text without failing, and what it takes can be used.
func FuzzParse(f *testing.F) {
	f.Add("k1:" + secretPart + "=")
	f.Add(keyring.Generate("a") + "," + keyring.Generate("b"))
	f.Add(",:,")
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := keyring.Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "%!") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		id, sealed := ring.Seal([]byte("x"), "context")
		if got, err := ring.Open(id, sealed, "context"); err != nil || string(got) != "x" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	})
}

// FuzzOpen opens nothing that was not sealed.
func FuzzOpen(f *testing.F) {
	ring := parse(f, "k1:"+secretPart+"=")
	id, sealed := ring.Seal([]byte("x"), "context")
	f.Add("k1", sealed[:len(sealed)-1], "context")
	f.Add("", []byte{}, "")
	f.Fuzz(func(t *testing.T, keyID string, text []byte, context string) {
		if keyID == id && bytes.Equal(text, sealed) && context == "context" {
			return
		}
		if _, err := ring.Open(keyID, text, context); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("%q, %x: %v", keyID, text, err)
		}
	})
}
