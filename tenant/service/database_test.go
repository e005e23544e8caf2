package service_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// execOwner runs one statement as the owner role.
func execOwner(t *testing.T, db *tenanttest.DB, sql string, args ...any) {
	t.Helper()
	execURL(t, db.OwnerURL, sql, args...)
}

func execURL(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// What only a superuser can mend does not stop the service, and is not silent.
func TestDatabaseThatIsNotHardened(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{}), servicetest.NewIssuer(t)
	environ := servicetest.Settings(db.RuntimeURL, is)
	for _, hardened := range []bool{true, false} {
		if !hardened {
			execURL(t, db.SuperURL, "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC")
		}
		s := servicetest.Start(t, config(), nil, environ...)
		s.Stop(t)
		if warned := strings.Contains(s.Log.String(), "not hardened"); warned == hardened {
			t.Errorf("hardened: %v, log: %s", hardened, s.Log.String())
		}
	}
}

func TestDatabaseThatCannotBeReached(t *testing.T) {
	t.Parallel()
	is, out := servicetest.NewIssuer(t), &servicetest.Output{}
	err := run(t, out, nil, append(servicetest.Settings("postgres://app:s3cret@127.0.0.1:1/x", is),
		"ADDR=127.0.0.1:0", "DATABASE_OWNER_URL=postgres://own:s3cret@127.0.0.1:1/x")...)
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(out.String(), "s3cret") {
		t.Errorf("%v, output %s", err, out.String())
	}
}

// A role that can read tenants by itself would make every other lock the last one.
func TestRolesThatAreTooStrong(t *testing.T) {
	t.Parallel()
	urls, is := tenanttest.Database(t), servicetest.NewIssuer(t)
	for name, c := range map[string][2]string{
		"superuser": {urls.SuperURL, "superuser"},
		"owner":     {urls.OwnerURL, "may create roles"},
	} {
		err := run(t, &servicetest.Output{}, nil, append(servicetest.Settings(c[0], is), "ADDR=127.0.0.1:0")...)
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A database without a registry of tenants says how to get one, and one that
// was installed for another role says so.
func TestDatabaseWithoutTheSharedSchema(t *testing.T) {
	t.Parallel()
	urls, is := tenanttest.Database(t), servicetest.NewIssuer(t)
	environ := append(servicetest.Settings(urls.RuntimeURL, is), "ADDR=127.0.0.1:0")
	err := run(t, &servicetest.Output{}, nil, environ...)
	if err == nil || !strings.Contains(err.Error(), "DATABASE_OWNER_URL") || !strings.Contains(err.Error(), "bailiwick tenant create") {
		t.Errorf("not installed: %v", err)
	}
	servicetest.Start(t, config(), nil, append(environ, "DATABASE_OWNER_URL="+urls.OwnerURL)...).Stop(t)
	servicetest.Start(t, config(), nil, environ...).Stop(t)
	execURL(t, urls.OwnerURL, "REVOKE SELECT ON public.tenants FROM PUBLIC, "+devpg.RuntimeRole)
	err = run(t, &servicetest.Output{}, nil, environ...)
	if err == nil || !strings.Contains(err.Error(), "may not read public.tenants") {
		t.Errorf("installed for another role: %v", err)
	}
}

// A database that is another service's is not served from, although one whose
// shared schema is another release's is.
func TestDatabaseOfAnotherRuntimeRole(t *testing.T) {
	t.Parallel()
	db, is := tenanttest.New(t, tenanttest.Options{Schema: config().Schema}), servicetest.NewIssuer(t)
	role := db.Name + "_other"
	execURL(t, db.SuperURL, "CREATE ROLE "+role+" LOGIN NOINHERIT PASSWORD 'other'")
	defer execURL(t, db.SuperURL, "DROP ROLE "+role)
	u, err := url.Parse(db.RuntimeURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "other")
	err = run(t, &servicetest.Output{}, nil, append(servicetest.Settings(u.String(), is), "ADDR=127.0.0.1:0", "DATABASE_OWNER_URL="+db.OwnerURL)...)
	if want := "the runtime role of this database is " + devpg.RuntimeRole; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Cloud SQL is reached by a Unix socket, which a URL names in its query, and a
// DSN as its host.
func TestDatabaseByUnixSocket(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	host, port := socket(t, s.SuperURL)
	for _, form := range []func(*pgx.ConnConfig) string{
		func(c *pgx.ConnConfig) string {
			u := url.URL{Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Path: "/" + c.Database, RawQuery: url.Values{"host": {host}, "port": {port}}.Encode()}
			return u.String()
		},
		func(c *pgx.ConnConfig) string {
			return fmt.Sprintf("host='%s' port=%s user=%s password=%s dbname=%s", host, port, c.User, c.Password, c.Database)
		},
	} {
		environ := servicetest.Settings(form(parse(t, s.RuntimeURL)), s.Issuer)
		p := servicetest.Start(t, config(), nil, append(environ, "DATABASE_OWNER_URL="+form(parse(t, s.OwnerURL)))...)
		res, err := p.Client().Do(s.Request(t, 0, http.MethodGet, "/notes", ""))
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%d, %v", res.StatusCode, err)
		}
		p.Stop(t)
	}
}

func parse(t *testing.T, text string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// socket asks the server itself where its socket is.
func socket(t *testing.T, superURL string) (host, port string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), superURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	err = conn.QueryRow(t.Context(), "SELECT trim('\"' FROM current_setting('unix_socket_directories')), current_setting('port')").Scan(&host, &port)
	if err != nil || host == "" {
		t.Fatalf("the server's socket is in %q: %v", host, err)
	}
	return host, port
}
