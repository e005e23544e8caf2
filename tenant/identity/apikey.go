package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

// KeyPrefix begins every API key, so that people and scanners of leaked secrets
// know one when they see it. No token begins like it.
const KeyPrefix = "bw_"

// What parts of API keys are hashed for.
const (
	secretPurpose = "api_keys.secret_hash"
	mintPurpose   = "api_keys.mint"
	tenantPurpose = "api_keys.tenant"
)

const (
	nameSize   = 10 // characters of chance in the public part
	markSize   = 8  // characters of each mark in it, 40 bits
	prefixSize = len(KeyPrefix) + nameSize + 2*markSize
	secretSize = 32 // bytes
)

// APIKey is a key in its two parts: Prefix and Secret with a dot between them.
//
// The prefix is public: a project stores it and shows it in lists. It carries two
// marks by the service's secret keys. By the first, a key that this service has
// never made is refused before anything is looked up, so that whoever makes keys
// up learns nothing and costs nothing; by the second a key of another tenant is,
// before any of the tenant's SQL. They prove nothing more: the secret does.
type APIKey struct{ Prefix, Secret string }

// NewAPIKey makes a key of a tenant. Its String is to be shown once and never
// stored; Prefix and Hash are what to store.
func NewAPIKey(keys *keyring.Keyring, of tenant.ID) APIKey {
	var secret [secretSize]byte
	_, _ = rand.Read(secret[:]) // It never fails.
	name := strings.ToLower(rand.Text()[:nameSize])
	return APIKey{
		Prefix: KeyPrefix + name + mark(keys.Hash(mintPurpose, []byte(name))) + mark(keys.Hash(tenantPurpose, tenantMessage(name, of))),
		Secret: base64.RawURLEncoding.EncodeToString(secret[:]),
	}
}

// ParseAPIKey reads a key. It tells only whether the text has the form of one.
func ParseAPIKey(text string) (APIKey, bool) {
	prefix, secret, found := strings.Cut(text, ".")
	if !found || len(prefix) != prefixSize || !strings.HasPrefix(prefix, KeyPrefix) || len(secret) != base64.RawURLEncoding.EncodedLen(secretSize) {
		return APIKey{}, false
	}
	for _, c := range []byte(prefix[len(KeyPrefix):]) {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return APIKey{}, false
		}
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(secret); err != nil || strings.ContainsAny(secret, "\r\n") { // The decoder skips ends of lines.
		return APIKey{}, false
	}
	return APIKey{Prefix: prefix, Secret: secret}, true
}

// String is the whole key.
func (k APIKey) String() string { return k.Prefix + "." + k.Secret }

// Hash is what to store of the secret.
func (k APIKey) Hash(keys *keyring.Keyring) []byte { return keys.Hash(secretPurpose, []byte(k.Secret)) }

// Minted tells whether a service with these secret keys has made the prefix.
func (k APIKey) Minted(keys *keyring.Keyring) bool {
	name, minted, _ := k.parts()
	return marked(keys.Hashes(mintPurpose, []byte(name)), minted)
}

// For tells whether the prefix was made for a tenant.
func (k APIKey) For(keys *keyring.Keyring, of tenant.ID) bool {
	name, _, its := k.parts()
	return marked(keys.Hashes(tenantPurpose, tenantMessage(name, of)), its)
}

// Matches tells whether the stored hash is the secret's, by any of the secret
// keys. How long it takes does not depend on where they differ.
func (k APIKey) Matches(keys *keyring.Keyring, hash []byte) bool {
	matches := false
	for _, h := range keys.Hashes(secretPurpose, []byte(k.Secret)) {
		matches = hmac.Equal(h, hash) || matches
	}
	return matches
}

// parts are what chance has given the prefix, and its marks.
func (k APIKey) parts() (name, minted, its string) {
	if len(k.Prefix) != prefixSize {
		return "", "", ""
	}
	text := k.Prefix[len(KeyPrefix):]
	return text[:nameSize], text[nameSize : nameSize+markSize], text[nameSize+markSize:]
}

func tenantMessage(name string, of tenant.ID) []byte { return append(of[:], name...) }

var markEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func mark(hash []byte) string { return markEncoding.EncodeToString(hash)[:markSize] }

func marked(hashes [][]byte, text string) bool {
	matches := false
	for _, h := range hashes {
		matches = hmac.Equal([]byte(mark(h)), []byte(text)) || matches
	}
	return matches
}
