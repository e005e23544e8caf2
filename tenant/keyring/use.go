package keyring

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrOpen is what Open fails with: the text is not one that this keyring has
// sealed, or was sealed in another context. It does not say which.
var ErrOpen = errors.New("the sealed value can't be opened: it was changed, or belongs somewhere else, or its key is not in the keyring")

// Seal encrypts with the first key, by AES-256-GCM under a random nonce, which
// stands in front of the result. The context is bound in but not stored: Open
// needs the same one. It says where the value belongs, such as tenant, table,
// row and column, so that a value copied elsewhere does not open there. The
// key's id is returned to be stored beside the value; it is not secret.
func (r *Keyring) Seal(plaintext []byte, context ...string) (keyID string, sealed []byte) {
	k := r.keys[0]
	return k.id, k.sealer.Seal(nil, nil, plaintext, joined(context)) //nolint:gosec // The sealer makes a random nonce by itself.
}

// Open decrypts what Seal has made with the key of that id in that context.
func (r *Keyring) Open(keyID string, sealed []byte, context ...string) ([]byte, error) {
	for _, k := range r.keys {
		if k.id != keyID {
			continue
		}
		plaintext, err := k.sealer.Open(nil, nil, sealed, joined(context))
		if err != nil {
			return nil, ErrOpen
		}
		return plaintext, nil
	}
	return nil, fmt.Errorf("%w (no key has its id)", ErrOpen)
}

// joined writes each part behind its length, so that no two contexts give the
// same bytes.
func joined(context []string) []byte {
	var out []byte
	for _, part := range context {
		out = binary.BigEndian.AppendUint64(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}

// Sign gives the message's authentication code, HMAC-SHA256 by the first key,
// of 32 bytes. What is signed for one purpose does not verify for another.
func (r *Keyring) Sign(message []byte, purpose string) []byte {
	return r.keys[0].mac("sign", purpose, message)
}

// Verify tells whether mac is the message's for this purpose, by any of the keys.
func (r *Keyring) Verify(message, mac []byte, purpose string) bool {
	for _, k := range r.keys {
		if hmac.Equal(mac, k.mac("sign", purpose, message)) {
			return true
		}
	}
	return false
}

// Hash gives the hash by the first key under which a table keeps a secret that
// somebody will present again, such as an API key. The secret has to be long
// and random: the hash is a fast one, and no protection for a password.
func (r *Keyring) Hash(purpose string, secret []byte) []byte {
	return r.keys[0].mac("hash", purpose, secret)
}

// Hashes gives the hash by each key, the first one's first: what to look a
// presented secret up by, since an older key may have made the stored hash.
func (r *Keyring) Hashes(purpose string, secret []byte) [][]byte {
	hashes := make([][]byte, len(r.keys))
	for i, k := range r.keys {
		hashes[i] = k.mac("hash", purpose, secret)
	}
	return hashes
}

func (k key) mac(use, purpose string, message []byte) []byte {
	h := hmac.New(sha256.New, derive(k.master, use, purpose))
	h.Write(message)
	return h.Sum(nil)
}

// derive makes the key of one use and purpose from a master key.
func derive(master []byte, use, purpose string) []byte {
	secret, err := hkdf.Key(sha256.New, master, nil, "bailiwick "+use+"\x00"+purpose, keySize)
	if err != nil {
		panic("keyring: " + err.Error()) // Only a length beyond HKDF's, or FIPS mode with a short key, could fail.
	}
	return secret
}
