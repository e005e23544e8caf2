//go:build cgo

package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

var update = flag.Bool("update", false, "write the outputs in testdata/schema anew")

// TestSchemaScripts runs the scripts of "bailiwick schema".
func TestSchemaScripts(t *testing.T) {
	t.Parallel()
	runProjectScripts(t, "testdata/schema/*.txtar")
}

// TestTenantScripts runs the scripts of "bailiwick tenant".
func TestTenantScripts(t *testing.T) {
	t.Parallel()
	runProjectScripts(t, "testdata/tenant/*.txtar")
}

// runProjectScripts runs each script in the project of testdata/project, but for
// files that the script has itself, on a database of its own.
func runProjectScripts(t *testing.T, pattern string) {
	t.Helper()
	scripts, err := filepath.Glob(pattern)
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			urls := tenanttest.Database(t)
			testscript.Run(t, testscript.Params{
				Files:               []string{script},
				RequireExplicitExec: true,
				UpdateScripts:       *update,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"sql": sqlCommand, "edit": editCommand, "mask": maskCommand, "await": awaitCommand, "txt": txtCommand,
				},
				Setup: func(env *testscript.Env) error {
					env.Setenv("DATABASE_OWNER_URL", urls.OwnerURL)
					env.Setenv("DATABASE_URL", urls.RuntimeURL)
					env.Setenv("DEV_URL", urls.OwnerURL)
					env.Setenv("BAILIWICK_ACTOR", "cli:ann")
					return errors.Join(startDNS(env), copyProject(env.WorkDir))
				},
			})
		})
	}
}

// copyProject adds the project's files to a script's own.
func copyProject(dir string) error {
	const from = "testdata/project"
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimSuffix(rel, ".txt")) // go.mod.txt is no module of this repository
		if _, err := os.Stat(to); err == nil {
			return nil
		}
		text, err := os.ReadFile(path)
		return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o644))
	})
}

// sqlCommand is "sql SLUG STATEMENTS": it does in a tenant's schema, or in public,
// what nobody should do by hand. $schema is the schema's name.
func sqlCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql SLUG STATEMENTS")
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("DATABASE_OWNER_URL"))
	ts.Check(err)
	schema := args[0]
	if schema != "public" {
		var id string
		ts.Check(conn.QueryRow(ctx, "SELECT id::text FROM public.tenants WHERE slug = $1", schema).Scan(&id))
		parsed, err := tenant.ParseID(id)
		ts.Check(err)
		schema = parsed.SchemaName()
	}
	script := "SET search_path = $schema; " + args[1]
	_, err = conn.PgConn().Exec(ctx, strings.ReplaceAll(script, "$schema", tenant.QuoteIdent(schema))).ReadAll()
	ts.Check(errors.Join(err, conn.Close(ctx)))
}

// editCommand is "edit FILE OLD NEW": it replaces a text that is there once.
func editCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if strings.Count(text, args[1]) != 1 {
		ts.Fatalf("%s holds %q %d times", args[0], args[1], strings.Count(text, args[1]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

var (
	fingerprintText = regexp.MustCompile(`(f1|more|mood)-[0-9a-f]{8,32}`)
	timeText        = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`)
	runText         = regexp.MustCompile(`\d{8}-\d{6}-[a-z0-9]{6}`)
	tokenText       = regexp.MustCompile(`\b[a-z2-7]{26}\b`)
	idText          = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}`)
)

// maskCommand is "mask [FILE]": it writes the last output, or a file, to the file
// masked, without times, ids and runs, and without fingerprints and the digits of files' names,
// which come from them: they are others with other versions of PostgreSQL.
func maskCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: mask [FILE]")
	}
	text := ts.ReadFile(append(args, "stdout")[0])
	text = timeText.ReplaceAllString(fingerprintText.ReplaceAllString(text, "$1-..."), "TIME")
	text = idText.ReplaceAllString(runText.ReplaceAllString(text, "RUN"), "ID")
	text = tokenText.ReplaceAllString(text, "TOKEN")
	ts.Check(os.WriteFile(ts.MkAbs("masked"), []byte(text), 0o644))
}

// awaitCommand is "await FILE TEXT": it waits until what runs in the background
// has written a text to a file.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s does not hold %q", args[0], args[1])
}
