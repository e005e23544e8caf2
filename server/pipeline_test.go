package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const (
	repository = "github.com/bailiwick-dev/bailiwick"
	userModule = "example.com/watch"
)

// TestPipeline does what a user does: in a module of one's own, add a table, a
// query and an operation, generate, build, serve, and call the new endpoint.
func TestPipeline(t *testing.T) {
	t.Parallel()
	p := newUserProject(t)
	p.extend(t)
	p.run(t, "go", "generate", "./...")
	p.run(t, "go", "build", "-o", "watch", "./server")

	db := tenanttest.New(t, tenanttest.Options{OwnerEmail: servicetest.Subject, Schema: catalog.Schema{
		Public: p.read(t, "schema/public.sql"), Tenant: p.read(t, "schema/tenant.sql"),
		TenantSeed: p.read(t, "schema/tenant_seed.sql"), Seed: p.read(t, "schema/seed.sql"),
	}})
	issuer := servicetest.NewIssuer(t)
	s := p.serve(t, servicetest.Settings(db.RuntimeURL, issuer)...)
	acme := issuer.Token(t, db.Tenants[0], servicetest.Subject)
	globex := issuer.Token(t, db.Tenants[1], servicetest.Subject)

	const body = `{"check_id": "s3_bucket_versioning_enabled", "expires_on": "2030-01-31"}`
	status, created := s.call(t, http.MethodPost, "acme", acme, body)
	want := map[string]any{
		"id": 1.0, "check_id": "s3_bucket_versioning_enabled", "severities": []any{"low"},
		"approved_by": "alice@example.org", "expires_on": "2030-01-31",
	}
	if diff := cmp.Diff(want, created); status != http.StatusCreated || diff != "" {
		t.Errorf("create: status %d, body (-want +got):\n%s", status, diff)
	}
	if status, _ = s.call(t, http.MethodPost, "acme", acme, body); status != http.StatusConflict {
		t.Errorf("create the same again: status %d, want 409", status)
	}
	if status, _ = s.call(t, http.MethodPost, "acme", acme, `{"check_id": ""}`); status != http.StatusUnprocessableEntity {
		t.Errorf("create without a check: status %d, want 422", status)
	}

	listed := []any{map[string]any{"id": 1.0, "check_id": "s3_bucket_versioning_enabled", "title": "Buckets keep versions"}}
	for _, c := range []struct {
		host, token string
		status      int
		items       any
	}{
		{"acme", acme, http.StatusOK, listed},
		{"globex", globex, http.StatusOK, []any{}},
		{"globex", acme, http.StatusForbidden, nil},
		{"acme", "", http.StatusUnauthorized, nil},
	} {
		status, page := s.call(t, http.MethodGet, c.host, c.token, "")
		if diff := cmp.Diff(c.items, page["items"]); status != c.status || diff != "" {
			t.Errorf("list at %s: status %d, want %d, items (-want +got):\n%s", c.host, status, c.status, diff)
		}
	}
}

// userProject is a module outside of the repository that uses its packages.
type userProject struct{ dir string }

// newUserProject copies the repository's specifications and server. The
// packages of the runtime and the tool stay in the repository.
func newUserProject(t *testing.T) *userProject {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	p := &userProject{dir: t.TempDir()}
	for _, name := range []string{"go.sum", "sqlc.yaml", "bailiwick.yaml", "openapi.go", "openapi.yaml", "schema", "queries", "server"} {
		p.copy(t, root, name)
	}
	gomod := strings.Replace(readFile(t, filepath.Join(root, "go.mod")), "module "+repository, "module "+userModule, 1)
	p.write(t, "go.mod", fmt.Sprintf("%s\nrequire %s v0.0.0\n\nreplace %s => %s\n", gomod, repository, repository, root))
	p.write(t, "tools.go", "package bailiwick\n\n//go:generate go run "+repository+"/cmd/bailiwick generate\n")
	return p
}

// extend adds a table, two queries and two operations.
func (p *userProject) extend(t *testing.T) {
	t.Helper()
	addition := func(name string) string { return readFile(t, filepath.Join("testdata", "pipeline", name)) }
	p.write(t, "schema/tenant.sql", p.read(t, "schema/tenant.sql")+addition("exceptions_schema.sql"))
	p.write(t, "queries/tenant/exceptions.sql", addition("exceptions_queries.sql"))
	doc := p.read(t, "openapi.yaml")
	for _, part := range []struct{ after, addition string }{
		{"\npaths:\n", addition("exceptions_paths.yaml")},
		{"\n  schemas:\n", addition("exceptions_schemas.yaml")},
	} {
		before, rest, found := strings.Cut(doc, part.after)
		if !found {
			t.Fatalf("openapi.yaml has no %q", part.after)
		}
		doc = before + part.after + part.addition + rest
	}
	p.write(t, "openapi.yaml", doc)
}

// copy copies a file, or the files below a folder but for tests. In Go files
// the imports of what was copied are those of the project.
func (p *userProject) copy(t *testing.T, root, name string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		to, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		text := readFile(t, path)
		if filepath.Ext(path) == ".go" {
			for _, own := range []string{"\"", "/gen/", "/schema\""} {
				text = strings.ReplaceAll(text, `"`+repository+own, `"`+userModule+own)
			}
		}
		p.write(t, to, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (p *userProject) read(t *testing.T, name string) string {
	t.Helper()
	return readFile(t, filepath.Join(p.dir, name))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *userProject) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in the project. What the repository builds with is in the
// module cache already, so nothing is fetched.
func (p *userProject) run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// userServer is the project's server, running.
type userServer struct{ address string }

// serve starts the server on a free port and stops it when the test ends.
func (p *userProject) serve(t *testing.T, settings ...string) *userServer {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.dir, "watch")) // Not bound to the test's context, which ends before the server is told to.
	cmd.Env = append(os.Environ(), append(settings, "ADDR=127.0.0.1:0", "PORT=", "LOG_FORMAT=json", "LOG_LEVEL=INFO")...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	address, log := "", ""
	for address == "" && lines.Scan() {
		log += lines.Text() + "\n"
		var entry struct {
			Msg     string `json:"msg"`
			Address string `json:"address"`
		}
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "listening" {
			address = entry.Address
		}
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		rest, err := io.ReadAll(stderr)
		if err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v:\n%s%s", err, log, rest)
		}
	})
	if address == "" {
		t.Fatalf("the server does not listen:\n%s", log)
	}
	return &userServer{address: address}
}

// call calls the new endpoint at a tenant's host.
func (s *userServer) call(t *testing.T, method, slug, token, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+"/v1/exceptions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = slug + "." + servicetest.BaseDomain
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	err = json.NewDecoder(resp.Body).Decode(&out)
	if closed := resp.Body.Close(); err != nil || closed != nil {
		t.Fatalf("%s: status %d, body: %v, %v", method, resp.StatusCode, err, closed)
	}
	return resp.StatusCode, out
}
