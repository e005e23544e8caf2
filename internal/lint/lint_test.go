package lint_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	basePublic = `CREATE TABLE public.tenants (id uuid PRIMARY KEY, slug text NOT NULL);
CREATE TABLE public.checks (id text PRIMARY KEY, title text NOT NULL);
CREATE TYPE public.plan AS ENUM ('free', 'paid');
CREATE FUNCTION public.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
GRANT SELECT ON public.checks TO PUBLIC;
`
	baseTenant = `CREATE TYPE state AS ENUM ('open', 'closed');
CREATE SEQUENCE ticket_seq;
CREATE TABLE findings (id uuid PRIMARY KEY, check_id text REFERENCES public.checks, state "state" NOT NULL);
CREATE FUNCTION score(f findings) RETURNS int LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS 'SELECT 1';
`
)

// TestGolden runs each archive of testdata and compares the findings with the
// archive's comment... the section "want".
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no golden files")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := lint.Input{
		PublicSchema: []lint.File{{Name: "schema/public.sql", Text: basePublic}},
		TenantSchema: []lint.File{{Name: "schema/tenant.sql", Text: baseTenant}},
	}
	var want []byte
	for _, f := range archive.Files {
		sql := lint.File{Name: f.Name, Text: string(f.Data)}
		switch {
		case f.Name == "want":
			want = f.Data
		case strings.HasPrefix(f.Name, "schema/plans/public"):
			in.PublicPlans = append(in.PublicPlans, sql)
		case strings.HasPrefix(f.Name, "schema/plans/"):
			in.TenantPlans = append(in.TenantPlans, sql)
		case strings.HasPrefix(f.Name, "schema/public"):
			in.PublicSchema = append(in.PublicSchema, sql)
		case strings.HasPrefix(f.Name, "schema/tenant"):
			in.TenantSchema = append(in.TenantSchema, sql)
		case strings.HasPrefix(f.Name, "queries/public"):
			in.PublicQueries = append(in.PublicQueries, sql)
		case strings.HasPrefix(f.Name, "queries/tenant"):
			in.TenantQueries = append(in.TenantQueries, sql)
		default:
			t.Fatalf("unknown section %s", f.Name)
		}
	}
	var got bytes.Buffer
	if err := lint.SQL(in).Write(&got); err != nil {
		t.Fatal(err)
	}
	if *update {
		writeGolden(t, file, archive, got.Bytes())
		return
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}

func writeGolden(t *testing.T, file string, archive *txtar.Archive, got []byte) {
	t.Helper()
	var kept []txtar.File
	for _, f := range archive.Files {
		if f.Name != "want" {
			kept = append(kept, f)
		}
	}
	kept = append(kept, txtar.File{Name: "want", Data: got})
	archive.Files = kept
	if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
