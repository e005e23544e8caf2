//go:build cgo

package main

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// checkEnvironment refuses connection strings of the environment that can't be
// parsed. Whoever stumbles on one later shows it, and so its password.
func checkEnvironment() error {
	for _, name := range []string{"DATABASE_OWNER_URL", "DATABASE_URL"} {
		if err := checkURL("the environment variable "+name, os.Getenv(name)); err != nil {
			return err
		}
	}
	return nil
}

// checkURL says that a connection string can't be parsed, without showing it: most
// often it is the password that is in the way. Empty means that there is none.
func checkURL(what, given string) error {
	_, bad := url.Parse(given)
	if !strings.Contains(given, "://") {
		bad = nil
	}
	_, err := pgconn.ParseConfig(given)
	if given == "" || bad == nil && err == nil {
		return nil
	}
	if bad == nil && strings.Contains(given, "://") {
		return fmt.Errorf("%s: %w", what, err) // pgconn has hidden the password
	}
	return fmt.Errorf("%s: it can't be parsed as a connection string\n\tmend: percent-encode special characters of its password, such as %%23 for # and %%25 for %%", what)
}

// isConnection tells a connection string from other words.
func isConnection(given string) bool {
	return strings.Contains(given, "://") || strings.Contains(given, "host=")
}

var passwordWord = regexp.MustCompile(`(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)`)

// hidden is what the user has called a schema, to be shown again: without the
// password, if it is a connection string.
func hidden(given string) string {
	if !isConnection(given) {
		return given
	}
	if strings.Contains(given, "://") {
		u, err := url.Parse(given)
		if err != nil {
			return "the connection string"
		}
		given = u.Redacted()
	}
	return passwordWord.ReplaceAllString(given, "${1}xxxxx")
}
