package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

var serverChecks = []databaseCheck{
	{"version", checkVersion},
	{"encoding", checkEncoding},
	{"writable", checkWritable},
	{"tls", checkTLS},
	{"connections", checkConnections},
	{"settings", checkSettings},
}

// minimum is the oldest major version that the runtime is tested with.
const minimum = 15

// minors are, by major version, the first good minor releases. Below the first a
// role that changes within a session can meet a plan or a policy of another role
// (CVE-2024-10976 and CVE-2024-10978), which is just what binding does; below the
// second there are holes of any query (May 2026).
var minors = map[int][2]int{15: {10, 18}, 16: {6, 14}, 17: {2, 10}, 18: {0, 4}}

func checkVersion(_ context.Context, d *database) ([]outcome, error) {
	return judgeVersion(d.version/10000, d.version%10000), nil
}

func judgeVersion(major, minor int) []outcome {
	version := fmt.Sprintf("PostgreSQL %d.%d", major, minor)
	known := minors[major]
	upgrade := fmt.Sprintf("install the newest minor release of PostgreSQL %d; the data stays as it is", major)
	switch {
	case major < minimum:
		return failf(fmt.Sprintf("upgrade to PostgreSQL %d or newer", minimum), "%s is older than what Bailiwick is tested with", version)
	case minor < known[0]:
		return failf(upgrade, "%s mixes up roles within a session (CVE-2024-10976, CVE-2024-10978; mended in %d.%d)", version, major, known[0])
	case minor < known[1]:
		return warnf(upgrade, "%s has security holes that %d.%d closed", version, major, known[1])
	}
	return okf("%s", version)
}

func checkEncoding(ctx context.Context, d *database) ([]outcome, error) {
	encoding, err := setting(ctx, d.tx, "server_encoding")
	if err != nil {
		return nil, err
	}
	if encoding != "UTF8" {
		return failf("CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and restore into it",
			"the database is in %s, which cannot hold every text that JSON can", encoding), nil
	}
	return okf("UTF8"), nil
}

func checkWritable(ctx context.Context, d *database) ([]outcome, error) {
	var standby bool
	if err := d.tx.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
		return nil, err
	}
	if standby {
		return failf("name the primary in the connection string, or add target_session_attrs=read-write", "the server is a standby, which cannot be written"), nil
	}
	readOnly, err := setting(ctx, d.forRuntime(), "default_transaction_read_only")
	if err != nil {
		return nil, err
	}
	if readOnly == "on" {
		return failf("ALTER ROLE ... RESET default_transaction_read_only, or the same of the database", "default_transaction_read_only is on, so services cannot write"), nil
	}
	return okf("it is a primary"), nil
}

func checkTLS(_ context.Context, d *database) ([]outcome, error) {
	conn := d.runtime
	if conn == nil {
		conn = d.owner
	}
	_, encrypted := conn.PgConn().Conn().(*tls.Conn)
	return judgeTLS(conn.PgConn().Conn().RemoteAddr(), encrypted, conn.Config()), nil
}

func judgeTLS(peer net.Addr, encrypted bool, config *pgx.ConnConfig) []outcome {
	tcp, isTCP := peer.(*net.TCPAddr)
	switch {
	case encrypted && config.TLSConfig != nil && config.TLSConfig.InsecureSkipVerify && config.TLSConfig.VerifyPeerCertificate == nil:
		return warnf("sslmode=verify-full and sslrootcert in the connection string", "the connection is encrypted, but the server's certificate is not looked at")
	case encrypted:
		return okf("the connection is encrypted, and the server is who it says")
	case !isTCP:
		return okf("a local socket, which needs none")
	case tcp.IP.IsLoopback():
		return okf("the loopback interface, which needs none")
	}
	return warnf("sslmode=verify-full and sslrootcert in the connection string", "the connection to %s is not encrypted", tcp.IP)
}

// checkConnections compares the pool of one service with what the server takes.
func checkConnections(ctx context.Context, d *database) ([]outcome, error) {
	var room int
	err := d.tx.QueryRow(ctx, `
		SELECT least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
		             - coalesce(current_setting('reserved_connections', true)::int, 0),
		             nullif(datconnlimit, -1),
		             (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = $1))
		FROM pg_database WHERE datname = current_database()`, d.runtimeRole).Scan(&room)
	if err != nil {
		return nil, err
	}
	return judgeConnections(room, d.MaxConns+1), nil
}

// judgeConnections: one instance must fit, and during a deployment the next too.
func judgeConnections(room, pool int) []outcome {
	const mend = "raise max_connections (or the limit of the role or the database), lower DATABASE_MAX_CONNS, or put a pooler between"
	instances := room / pool
	switch {
	case instances < 1:
		return failf(mend, "there is room for %d connections, and one instance of the service takes %d", room, pool)
	case instances < 2:
		return warnf(mend, "there is room for %d connections, which one instance of %d fills: the next one of a deployment does not fit", room, pool)
	}
	return okf("there is room for %d instances of the service with %d connections each", instances, pool)
}

// knob is one setting and what is asked of it.
type knob struct {
	name  string
	owner bool // whether it is the owner's session that counts
	good  func(value string) bool
	why   string
	mend  string // %s is the role
	level Status
}

func is(values ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

func isNot(values ...string) func(string) bool {
	return func(value string) bool { return !slices.Contains(values, value) }
}

var knobs = []knob{
	{"jit", false, isNot("on"), "a tenant's queries are short, and compiling them takes longer than running them", "ALTER ROLE %s SET jit = off", Warn},
	{"idle_in_transaction_session_timeout", false, isNot("0"), "a client that stops in mid transaction keeps its locks for ever", "ALTER ROLE %s SET idle_in_transaction_session_timeout = '60s'", Warn},
	{"row_security", false, is("on"), "policies of a tenant's tables would be errors, not filters", "ALTER ROLE %s SET row_security = on", Fail},
	{"session_replication_role", false, is("origin"), "triggers and foreign keys do not fire", "ALTER ROLE %s RESET session_replication_role", Fail},
	{"lock_timeout", true, isNot("0"), "DDL that waits for a long query makes every later query wait behind it", "ALTER ROLE %s SET lock_timeout = '5s'", Warn},
	{"statement_timeout", true, is("0"), "making or changing a tenant can take longer than a query may", "ALTER ROLE %s SET statement_timeout = 0", Warn},
	{"password_encryption", true, is("scram-sha-256"), "new passwords are kept in a form that is easily guessed", "ALTER SYSTEM SET password_encryption = 'scram-sha-256', reload, and set the passwords anew", Warn},
}

func checkSettings(ctx context.Context, d *database) ([]outcome, error) {
	var problems []outcome
	good := []string{}
	for _, k := range knobs {
		session, role := d.forRuntime(), d.runtimeRole
		if k.owner {
			session, role = d.tx, d.ownerRole
			if d.owner == nil {
				continue // the session is not the owner's
			}
		} else if d.runtime == nil {
			continue
		}
		value, err := setting(ctx, session, k.name)
		if err != nil {
			return nil, err
		}
		if k.good(value) {
			good = append(good, k.name+" = "+value)
			continue
		}
		mend := k.mend
		if strings.Contains(mend, "%s") {
			mend = fmt.Sprintf(k.mend, tenant.QuoteIdent(role))
		}
		problems = append(problems, outcome{k.level, fmt.Sprintf("%s is %s for role %s: %s", k.name, value, role, k.why), mend})
	}
	return orOK(problems, "%s", strings.Join(good, ", ")), nil
}
