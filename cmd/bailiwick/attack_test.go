//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

const notesDocument = `
openapi: 3.0.3
info: {title: Notes, version: 1.0.0}
security: [{bearer: []}]
paths: {/notes: {get: {responses: {'200': {description: all}}}}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`

// notesOf answers by the token, and, if it is careful, only where the host is the
// token's.
func notesOf(careful bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		of := map[string]string{"Bearer a": "acme", "Bearer b": "globex"}[r.Header.Get("Authorization")]
		switch {
		case of == "":
			w.WriteHeader(http.StatusUnauthorized)
		case careful && r.Host != of+".example":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path != "/notes":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(`{"items": [{"id": "` + of + `"}]}`))
		}
	}
}

// runAttackOn runs "bailiwick attack" and returns what it prints.
func runAttackOn(t *testing.T, careful bool, args ...string) (string, error) {
	t.Helper()
	service := httptest.NewServer(notesOf(careful))
	defer service.Close()
	document := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(document, []byte(notesDocument), 0o600); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(args, "--only") {
		args = append(args, "--only", "4,26,29")
	}
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(append([]string{
		"attack", "--url", service.URL, "--openapi", document,
		"--host-a", "acme.example", "--token-a", "a", "--host-b", "globex.example",
	}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAttack(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("ATTACK_TOKEN_B", "b")
	for _, c := range []struct {
		name          string
		careful       bool
		args          []string
		status        int
		prints, fails string
	}{
		{"a careless service", false, nil, 1, "UNSAFE", ""},
		{"a careful service", true, nil, 0, "0 UNSAFE; 2 attacks not tried", ""},
		{"not all was tried", true, []string{"--all-but", "29"}, 1, "not tried", "attacks [26] were not tried"},
		{"what may be left out was", true, []string{"--all-but", "26,29"}, 0, "not tried", ""},
		{"no document", true, []string{"--openapi", "absent.yaml"}, 1, "", "read the API's document"},
		{"a bad token", true, []string{"--token-a", "c"}, 1, "", "--token-a at acme.example with 401 Unauthorized"},
		{"another host for B", true, []string{"--host-b", "acme2.example"}, 1, "", "--token-b at acme2.example with 403 Forbidden"},
		{"one host", true, []string{"--host-b", "acme.example"}, 1, "", "--host-a and --host-b are one host"},
		{"nothing is tried", true, []string{"--only", "26,29"}, 1, "0 attempts at 0 attacks", "nothing was tried"},
		{"no such attack", true, []string{"--only", "99"}, 2, "", "there is no attack 99"},
		{"one that is, one that is not", true, []string{"--only", "4,99"}, 2, "", "there is no attack 99"},
		{"a number that is none", true, []string{"--only", "x"}, 2, "", `--only is whole numbers, such as 4,26, and was "x"`},
		{"a time below zero", true, []string{"--timeout", "-1s"}, 2, "", "--timeout is a time above zero"},
		{"no time", true, []string{"--timeout", "0"}, 2, "", "--timeout is a time above zero"},
		{"a runtime role's URL that is none", true, []string{"--database-url", "foo"}, 1, "", "attack: --database-url can't be read"},
		{"an owner's URL that is none", true, []string{"--owner-url", "foo"}, 1, "", "attack: --owner-url can't be read"},
		{"a log that is not there", true, []string{"--log", "absent.log"}, 1, "", "read the service's log, --log: "},
		{"no such attack to leave out", true, []string{"--all-but", "99"}, 2, "", "there is no attack 99"},
		{"a removed member's token that is none", true, []string{"--token-removed", "b"}, 1, "", "--token-removed"},
		{"a revoked key that is none", true, []string{"--key-revoked", "garbage"}, 1, "", "--key-revoked has not the form"},
		{"an operator's key for nothing", true, []string{"--operator-key", "garbage"}, 2, "", "without --operator-url"},
		{"an operator that is down", true, []string{"--operator-url", "http://127.0.0.1:1"}, 1, "", "--operator-url, can't be reached"},
		{"a service that is down", true, []string{"--url", "http://127.0.0.1:1"}, 1, "", "http://127.0.0.1:1 can't be reached"},
	} {
		out, err := runAttackOn(t, c.careful, c.args...)
		exit, isExit := errors.AsType[exitError](err)
		_, isUsage := errors.AsType[usageError](err)
		if status := exit.status; (err == nil) != (c.status == 0) || isUsage != (c.status == statusUsage) || (isExit && status != c.status) || !strings.Contains(out, c.prints) {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		if c.fails != "" {
			wantText(t, err, c.fails)
		}
	}
}

func TestAttackWithoutAToken(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("ATTACK_TOKEN_B", "")
	out, err := runAttackOn(t, true)
	if _, isUsage := errors.AsType[usageError](err); !isUsage || out != "" {
		t.Errorf("%v, %s", err, out)
	}
	wantText(t, err, "give --token-b, or ATTACK_TOKEN_B in the environment")
}

func TestAttackAsJSON(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("ATTACK_TOKEN_B", "b")
	out, err := runAttackOn(t, false, "--json")
	report := attack.Report{}
	if exit, ok := errors.AsType[exitError](err); !ok || exit.status != 1 {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	unsafe := report.Unsafe()
	if len(unsafe) == 0 || unsafe[0].Attack != 4 || unsafe[0].Operation != "GET /notes" || !slices.Equal(report.Untried(), []int{26, 29}) {
		t.Errorf("%+v", report)
	}
}
