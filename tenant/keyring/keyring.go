// Package keyring holds a service's secret keys and what they are used for:
// sealing what a table must not show, signing what a client brings back, and
// hashing tokens for look-up. All of it comes from one setting, SECRET_KEYS,
// with a master key per entry, from which a key per use is derived.
//
// To rotate, put a new entry in front: it seals and signs from then on, and
// what the others made stays readable until their entries are taken out.
//
// The package imports the standard library alone.
package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// keySize is the size of a master key and of each key derived from it.
const keySize = 32

// help ends the errors of Parse.
const help = `each entry has the form id:base64 of 32 bytes, the base64 as "openssl rand -base64 32" prints it`

var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Keyring is a list of keys, of which the first is the current one. It is made
// by [Parse], never changes, and may be used by several goroutines at once.
type Keyring struct {
	keys []key
}

type key struct {
	id     string
	master []byte
	sealer cipher.AEAD
}

// Parse reads SECRET_KEYS: entries "id:base64 of 32 bytes", separated by
// commas, with white space around them allowed. Errors name an entry by its
// position and never quote it: a part in the wrong place may be a key.
func Parse(text string) (*Keyring, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("no secret keys: " + help)
	}
	ring := &Keyring{}
	for i, entry := range strings.Split(text, ",") {
		k, err := parseKey(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("secret key %d: %w", i+1, err)
		}
		for j, other := range ring.keys {
			if other.id == k.id || bytes.Equal(other.master, k.master) {
				return nil, fmt.Errorf("secret key %d has the id or the key of key %d: each needs its own", i+1, j+1)
			}
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

func parseKey(entry string) (key, error) {
	id, encoded, found := strings.Cut(entry, ":")
	if !found {
		return key{}, errors.New("has no colon: " + help)
	}
	if !validID.MatchString(id) {
		return key{}, errors.New("the id is not 1 to 32 letters, digits, hyphens or underscores: " + help)
	}
	master, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // The decoder skips ends of lines.
		return key{}, errors.New("not base64: " + help)
	}
	if len(master) != keySize {
		return key{}, fmt.Errorf("has %d bytes: %s", len(master), help)
	}
	sealer, err := newSealer(derive(master, "seal", ""))
	if err != nil {
		return key{}, err
	}
	return key{id: id, master: master, sealer: sealer}, nil
}

func newSealer(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("set up GCM: %w", err)
	}
	return sealer, nil
}

// Generate makes an entry with a fresh random key, as [Parse] reads it. The id
// is the caller's; Parse says what it may be.
func Generate(id string) string {
	master := make([]byte, keySize)
	rand.Read(master) // Documented never to fail.
	return id + ":" + base64.StdEncoding.EncodeToString(master)
}

// String gives the ids of the keys, so that a Keyring in a log shows no key.
func (r *Keyring) String() string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return "keyring(" + strings.Join(ids, ", ") + ")"
}

// GoString is String, for %#v.
func (r *Keyring) GoString() string { return r.String() }
