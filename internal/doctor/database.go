package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// connectPatience bounds how long a server may take to answer.
const connectPatience = 10 * time.Second

// database is a database under examination.
type database struct {
	Options

	project *project.Project // Nil outside of a project.
	// runtime and owner are connections of the two roles; either may be nil.
	// opened are all, to be closed.
	runtime, owner *pgx.Conn
	opened         []*pgx.Conn
	// runtimeRole is empty when nobody says which it is.
	runtimeRole, ownerRole, name string
	// mixedUp says that both connection strings name one role, and what to do.
	mixedUp []outcome
	// tx is a read-only transaction, of the owner where there is one.
	tx      pgx.Tx
	version int // such as 150018
	tenants []registered
	slugs   map[string]string // by schema
	ledger  bool              // it is there and can be read
}

const connectionArea = "connection"

type databaseCheck struct {
	name string
	run  func(context.Context, *database) ([]outcome, error)
}

// databaseAreas are made in this order; later ones use what earlier ones read.
var databaseAreas = []struct {
	name   string
	checks []databaseCheck
}{
	{"server", serverChecks},
	{"roles", roleChecks},
	{"tenants", tenantChecks},
	{"rollouts", rolloutChecks},
}

func examineDatabase(ctx context.Context, o Options) Report {
	d := &database{Options: o, ownerRole: roleOf(o.OwnerURL), runtimeRole: roleOf(o.URL)}
	if p, err := project.Load(o.Dir); o.Dir != "" && err == nil {
		d.project = p
	}
	defer d.close(ctx)
	report := d.connect(ctx)
	if report.Failed() {
		return report
	}
	report = append(report, examinePooler(ctx, d)...)
	if err := d.begin(ctx); err != nil {
		return append(report, findings(connectionArea, "transaction", nil, err)...)
	}
	for _, area := range databaseAreas {
		for _, check := range area.checks {
			outcomes, err := d.inSavepoint(ctx, check)
			report = append(report, findings(area.name, check.name, outcomes, err)...)
		}
	}
	return report
}

func roleOf(url string) string {
	config, err := pgx.ParseConfig(url)
	if url == "" || err != nil {
		return ""
	}
	return config.User
}

func (d *database) connect(ctx context.Context) Report {
	var report Report
	nameOfURL, nameOfOwnerURL := d.names()
	for _, c := range []struct {
		to               **pgx.Conn
		check, url, name string
	}{{&d.runtime, "runtime", d.URL, nameOfURL}, {&d.owner, "owner", d.OwnerURL, nameOfOwnerURL}} {
		if c.url == "" {
			report = append(report, findings(connectionArea, c.check, skipf("%s is not given, so what only its role can see is left out", c.name), nil)...)
			continue
		}
		conn, err := dial(ctx, c.url)
		if err != nil {
			report = append(report, findings(connectionArea, c.check,
				failf("correct "+c.name+": host, port, database, user, password and sslmode", "%s does not lead to a database: %s", c.name, oneLine(err)), nil)...)
			continue
		}
		*c.to, d.opened = conn, append(d.opened, conn)
		report = append(report, findings(connectionArea, c.check, okf("%s: role %s", c.name, conn.Config().User), nil)...)
	}
	return report
}

// dial connects without named prepared statements, so that it works through any pooler.
func dial(ctx context.Context, url string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgx.ConnectConfig(ctx, config)
}

// begin opens the transaction in which all is read, and reads what all need.
func (d *database) begin(ctx context.Context) (err error) {
	conn := d.owner
	if conn == nil {
		conn = d.runtime
	}
	if d.tx, err = conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly}); err != nil {
		return err
	}
	var owner string // of the database
	var owns bool
	err = d.tx.QueryRow(ctx, `
		SELECT current_database(), current_setting('server_version_num')::int,
		       pg_get_userbyid(datdba)::text, pg_has_role(datdba, 'USAGE')
		FROM pg_database WHERE datname = current_database()`).Scan(&d.name, &d.version, &owner, &owns)
	if err != nil {
		return err
	}
	d.ownerRole = cmp.Or(d.ownerRole, owner)
	if d.ownerRole == d.runtimeRole {
		d.tellApart(owner, owns)
	}
	return nil
}

// tellApart takes the only role that was given for what it is, since what mends
// it as the one would spoil it as the other.
func (d *database) tellApart(owner string, owns bool) {
	role := d.runtimeRole
	nameOfURL, nameOfOwnerURL := d.names()
	if owns {
		d.mixedUp = failf("give "+nameOfURL+" the connection string of the runtime role",
			"%s logs in as %s, the owner role: the service could change any tenant", nameOfURL, role)
		d.owner, d.runtime, d.runtimeRole = cmp.Or(d.owner, d.runtime), nil, ""
		return
	}
	d.mixedUp = failf("give "+nameOfOwnerURL+" the connection string of the owner role, "+owner,
		"%s logs in as %s, the runtime role, which does not own the database", nameOfOwnerURL, role)
	d.runtime, d.owner, d.ownerRole = cmp.Or(d.runtime, d.owner), nil, owner
}

// inSavepoint keeps one check's error from ending the others' transaction.
func (d *database) inSavepoint(ctx context.Context, check databaseCheck) (outcomes []outcome, err error) {
	savepoint, err := d.tx.Begin(ctx)
	if err != nil {
		return nil, err
	}
	outcomes, err = check.run(ctx, d)
	return outcomes, errors.Join(err, savepoint.Rollback(ctx))
}

func (d *database) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if d.tx != nil {
		_ = d.tx.Rollback(ctx) // it was read only, and its connection ends here
	}
	for _, conn := range d.opened {
		_ = conn.Close(ctx)
	}
}

// forRuntime is the session in which settings are as a service has them.
func (d *database) forRuntime() querier {
	if d.runtime != nil {
		return d.runtime
	}
	return d.tx
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func setting(ctx context.Context, q querier, name string) (value string, err error) {
	err = q.QueryRow(ctx, "SELECT coalesce(current_setting($1, true), '')", name).Scan(&value)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return value, nil
}

// stringsOf collects a query's only column.
func stringsOf(ctx context.Context, q querier, sql string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
