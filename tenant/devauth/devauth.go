// Package devauth holds the keys of the embedded mode, made once for each
// development instance, in the instance's own folder. One signs tokens: the
// service verifies with it and the tool signs with it, and both find it by the
// folder alone. The others are what SECRET_KEYS is elsewhere.
//
// It imports the standard library, go-jose, and packages tenant and
// tenant/keyring.
package devauth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// What the tokens of the embedded mode say of themselves. The issuer is a name
// that can't be a real one (RFC 6761), so no configured service accepts them.
const (
	Issuer      = "https://bailiwick.invalid/dev"
	Audience    = "bailiwick-dev"
	TenantClaim = "tenant"
)

// DefaultTTL is how long a token is valid unless its maker says otherwise.
const DefaultTTL = 12 * time.Hour

const (
	keyFile  = "token-key.pem"
	pemBlock = "PRIVATE KEY"
)

// Key signs tokens. It is safe for concurrent use.
type Key struct{ private ed25519.PrivateKey }

// Open reads the key in the folder, and makes it first if there is none. When
// several processes do so at once, all end up with the same key.
func Open(dir string) (*Key, error) {
	file := filepath.Join(dir, keyFile)
	key, err := read(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	text, err := generate()
	if err != nil {
		return nil, err
	}
	if err := create(file, text); err != nil {
		return nil, err
	}
	return read(file)
}

// Public is what verifies the key's tokens.
func (k *Key) Public() ed25519.PublicKey {
	return ed25519.PublicKey(k.private[ed25519.SeedSize:])
}

// Token signs a token of a tenant's user. The time to live must be positive.
func (k *Key) Token(id tenant.ID, subject string, ttl time.Duration) (string, error) {
	switch {
	case id.IsZero():
		return "", errors.New("sign token: no tenant")
	case subject == "":
		return "", errors.New("sign token: no user")
	case ttl <= 0:
		return "", fmt.Errorf("sign token: the time to live is %s; it must be positive", ttl)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: k.private},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	now := time.Now()
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer:   Issuer,
		Audience: jwt.Audience{Audience},
		Subject:  subject,
		IssuedAt: jwt.NewNumericDate(now),
		Expiry:   jwt.NewNumericDate(now.Add(ttl)),
	}).Claims(map[string]any{TenantClaim: id}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

func read(file string) (*Key, error) {
	text, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemBlock {
		return nil, fmt.Errorf("read token key: %s holds no key; delete it, and a new one is made", file)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read token key %s: %w", file, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read token key: %s holds a %T; delete it, and a new one is made", file, parsed)
	}
	return &Key{private: private}, nil
}

func generate() ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make token key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("make token key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemBlock, Bytes: der}), nil
}
