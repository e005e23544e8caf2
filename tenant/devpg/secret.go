package devpg

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// secret holds the roles' passwords. It lies in the data directory, so that it
// comes and goes with the roles it is for.
type secret struct {
	Super   string `json:"super"`
	Owner   string `json:"owner"`
	Runtime string `json:"runtime"`
}

const secretFile = "bailiwick.json" //nolint:gosec // The name of a file.

func newSecret() secret {
	return secret{Super: rand.Text(), Owner: rand.Text(), Runtime: rand.Text()}
}

// password is empty for a role that the instance does not know.
func (s secret) password(role string) string {
	switch role {
	case SuperRole:
		return s.Super
	case OwnerRole:
		return s.Owner
	case RuntimeRole:
		return s.Runtime
	}
	return ""
}

func readSecret(dir string) (s secret, err error) {
	text, err := os.ReadFile(filepath.Join(dir, secretFile))
	if err != nil {
		return s, fmt.Errorf("read passwords: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read passwords in %s: %w", filepath.Join(dir, secretFile), err)
	}
	return s, nil
}

func (s secret) write(dir string, a account) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write passwords: %w", err)
	}
	return replaceFile(filepath.Join(dir, secretFile), text, a)
}

// writePassword writes the superuser's password for initdb to read.
func (s secret) writePassword(path string, a account) error {
	return replaceFile(path, []byte(s.Super+"\n"), a)
}

// replaceFile writes a file that only the account can read, whole or not at all.
func replaceFile(path string, text []byte, a account) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close(), a.own(f.Name()))
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
