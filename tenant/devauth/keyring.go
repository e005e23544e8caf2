package devauth

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

const (
	keyringFile = "secret-keys"
	// keyringID names the key that OpenKeyring makes.
	keyringID = "dev"
)

// OpenKeyring reads the secret keys in the folder, and makes one first if there
// are none. When several processes do so at once, all end up with the same key.
func OpenKeyring(dir string) (*keyring.Keyring, error) {
	file := filepath.Join(dir, keyringFile)
	text, err := readSecret(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(file, []byte(keyring.Generate(keyringID)+"\n")); err != nil {
			return nil, err
		}
		text, err = readSecret(file)
	}
	if err != nil {
		return nil, err
	}
	keys, err := keyring.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; delete it, and a new one is made, which does not open what the old one sealed", file, err)
	}
	return keys, nil
}
