//go:build cgo

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

func runHarden(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(t.Output())
	root.SetArgs(append([]string{"--dir", repository, "harden"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHarden(t *testing.T) { // not parallel: it sets the environment
	urls := tenanttest.Database(t)
	t.Setenv("DATABASE_URL", urls.RuntimeURL)
	t.Setenv("DATABASE_OWNER_URL", urls.OwnerURL)
	t.Setenv(superuserURL, "")
	_, err := runHarden(t)
	wantText(t, err, "is not set")

	out, err := runHarden(t, "--print", "--runtime", "somebody")
	if err != nil || !strings.Contains(out, "'bailiwick_owner'") || !strings.Contains(out, "'somebody'") {
		t.Errorf("%v, printed: %s", err, out)
	}

	conn, err := pgx.Connect(t.Context(), urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO PUBLIC")
	if err := errors.Join(err, conn.Close(context.WithoutCancel(t.Context()))); err != nil {
		t.Fatal(err)
	}
	t.Setenv(superuserURL, urls.OwnerURL)
	_, err = runHarden(t)
	wantText(t, err, "bailiwick_owner is no superuser")
	var warnings bytes.Buffer
	root := newRootCommand()
	root.SetOut(t.Output())
	root.SetErr(&warnings)
	root.SetArgs([]string{"--dir", repository, "tenant", "create", "initech", "--plan", "free"})
	if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(warnings.String(), "every role may call set_config") {
		t.Errorf("%v; create warns: %q", err, warnings.String())
	}

	t.Setenv(superuserURL, urls.SuperURL)
	if out, err := runHarden(t); err != nil || !strings.Contains(out, "is hardened") {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := runHarden(t, "--json"); err != nil || !strings.Contains(out, `"database": "`+urls.Name+`"`) || strings.Contains(out, `"sql"`) {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := runHarden(t, "--json", "--print"); err != nil || !strings.Contains(out, `"sql": "DO $harden$`) || strings.Contains(out, `"database"`) {
		t.Errorf("%q, %v", out, err)
	}
}
