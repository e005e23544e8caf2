package docs_test

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// replacement is text of a page that has to be another in a test.
type replacement struct{ written, run string }

// ownServer is a PostgreSQL of the page's own, for pages about servers that users
// have already. It gives the host and port, and the superuser with the password.
func (b bench) ownServer(t *testing.T, name string) (address, superuser string) {
	t.Helper()
	instance, err := devpg.Start(t.Context(), devpg.Options{Name: name, Project: b.dir, CacheDir: b.dir + "/cache"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := instance.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(instance.SuperURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Host, u.User.String()
}

// pooler is the page about PgBouncer: with a server at db.example, and with a
// port for the pooler. PgBouncer refuses to run as root.
func (b bench) pooler(t *testing.T) []replacement {
	t.Helper()
	if _, err := exec.LookPath("pgbouncer"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI has to install pgbouncer: ", err)
		}
		t.Skip("install pgbouncer to run this page: ", err)
	}
	address, superuser := b.ownServer(t, "pooler")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	list := []replacement{
		{"postgres:secret@db.example:5432", superuser + "@" + address},
		{"host=db.example port=5432", "host=" + host + " port=" + port},
		{"db.example:5432", address},
		{"6432", strconv.Itoa(freePort(t))},
	}
	if os.Getuid() == 0 {
		list = append(list, replacement{"pgbouncer pgbouncer.ini", "chmod 644 users.txt && exec pgbouncer -u nobody pgbouncer.ini"})
	}
	return list
}

// cloudSQL is the page about Cloud SQL, whose postgres is no superuser: it may
// make roles and databases, and owns the one that gcloud has made.
func (b bench) cloudSQL(t *testing.T) []replacement {
	t.Helper()
	address, superuser := b.ownServer(t, "cloud")
	conn, err := pgx.Connect(t.Context(), "postgres://"+superuser+"@"+address+"/postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, sql := range []string{"CREATE ROLE cloud LOGIN CREATEROLE CREATEDB PASSWORD 'secret'", "CREATE DATABASE notes OWNER cloud"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return []replacement{{"postgres:secret@localhost:5432", "cloud:secret@" + address}, {"localhost:5432", address}}
}

// readme is for the section about a PostgreSQL of one's own. All tests are not
// run in a test of one of them.
func (b bench) readme(t *testing.T) []replacement {
	t.Helper()
	address, superuser := b.ownServer(t, "readme")
	at := "postgres://" + superuser + "@" + address
	return []replacement{
		{"go test ./...", "go vet ./schema"},
		{`| psql "$DATABASE_SUPERUSER_URL"`, `| psql -q "` + at + `/app"`},
		{`"$DATABASE_SUPERUSER_URL"`, `"` + at + `/postgres"`},
		{"postgres://app_owner@...", "postgres://app_owner:...@" + address + "/app"},
		{"postgres://app@...", "postgres://app:...@" + address + "/app"},
	}
}

// settings are what a page finds otherwise than its readers do.
func (b bench) settings(t *testing.T, page string) []replacement {
	t.Helper()
	switch page {
	case "pooler.md":
		return b.pooler(t)
	case "deploy-cloud-run.md":
		return b.cloudSQL(t)
	case "custom-domains.md":
		return b.domains(t)
	case "operate.md":
		return []replacement{{"9090", strconv.Itoa(freePort(t))}}
	case "upgrade.md": // there is no registry in a test; go.mod's replace line says where the code is
		return []replacement{{"go get github.com/bailiwick-dev/bailiwick@latest", "go mod edit -require=github.com/bailiwick-dev/bailiwick@v0.99.0"}}
	}
	return nil
}
