package operator

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// keyPrefix tells an operator's key from a tenant's, for people and for programs
// that look for secrets where none should be.
const keyPrefix = "bwop_"

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Keys are who may operate, as OPERATOR_KEYS has it: entries name:hash, separated by
// commas. Of a key only its hash is known here. A name may stand there twice, so
// that its key can be changed. The zero value is nobody.
type Keys struct{ entries []entry }

type entry struct {
	name string
	hash [sha256.Size]byte
}

// GenerateKey makes a key, to be shown once, and the entry by which a service
// knows it.
func GenerateKey(name string) (key, hashed string, err error) {
	if !nameForm.MatchString(name) {
		return "", "", errName
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // It never fails.
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(secret[:])
	hash := sha256.Sum256([]byte(key)) // The key is long and random: no slow hash is needed.
	return key, name + ":" + hex.EncodeToString(hash[:]), nil
}

var errName = errors.New("the name of an operator's key is 1 to 63 of a-z, 0-9, dots, hyphens and underscores")

// UnmarshalText reads OPERATOR_KEYS. Its errors name an entry by its position and
// never quote it. It implements encoding.TextUnmarshaler.
func (k *Keys) UnmarshalText(text []byte) error {
	for i, part := range strings.Split(string(text), ",") {
		name, hash, _ := strings.Cut(strings.TrimSpace(part), ":")
		e := entry{name: name}
		if !nameForm.MatchString(name) {
			return fmt.Errorf("entry %d: %w", i+1, errName)
		}
		if n, err := hex.Decode(e.hash[:], []byte(hash[:min(len(hash), hex.EncodedLen(sha256.Size))])); err != nil || n != sha256.Size || len(hash) != hex.EncodedLen(sha256.Size) {
			return fmt.Errorf("entry %d: want name:hash, as `bailiwick operator-key NAME` prints it", i+1)
		}
		k.entries = append(k.entries, e)
	}
	return nil
}

// Empty tells whether nobody may operate.
func (k *Keys) Empty() bool { return len(k.entries) == 0 }

// owner is whose key this is; empty if nobody's. It takes the same time for every
// key.
func (k *Keys) owner(key string) (name string) {
	hash := sha256.Sum256([]byte(key))
	for _, e := range k.entries {
		if subtle.ConstantTimeCompare(hash[:], e.hash[:]) == 1 {
			name = e.name
		}
	}
	return name
}
