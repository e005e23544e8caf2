package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// resetter is what --reset does, or nil without it.
func resetter(f flags, p Process) resetFunc {
	if !f.reset {
		return nil
	}
	return func(ctx context.Context, instance *devpg.Instance, logger *slog.Logger) error {
		slugs, err := listSlugs(ctx, instance)
		if err != nil {
			return err
		}
		if len(slugs) > 0 && !f.yes {
			if err := confirm(ctx, p, isTerminal(p.Stdin), slugs); err != nil {
				return err
			}
		}
		if err := resetDatabase(ctx, instance); err != nil {
			return err
		}
		logger.WarnContext(ctx, "reset: every tenant is deleted", "count", len(slugs), "slugs", named(slugs))
		return nil
	}
}

// confirm lets the person at the terminal decide.
func confirm(ctx context.Context, p Process, terminal bool, slugs []string) error {
	what := fmt.Sprintf("all %d tenants of the development database (%s)", len(slugs), named(slugs))
	line := ""
	if terminal {
		if _, err := fmt.Fprintf(p.Stdout, "This deletes %s. Go on? [y/N] ", what); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		typed := make(chan string, 1)
		go func() { // Reading does not end with ctx, but the process does.
			text, _ := bufio.NewReader(p.Stdin).ReadString('\n') // What was not read is no yes.
			typed <- text
		}()
		select {
		case line = <-typed:
		case <-ctx.Done():
			return fmt.Errorf("nothing was deleted: %w", context.Cause(ctx))
		}
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	if line == "" { // No terminal, or one without a person, such as /dev/null.
		return fmt.Errorf("--reset would delete %s, and nobody can be asked: add --yes", what)
	}
	return errors.New("nothing was deleted")
}

// named lists some slugs, as many as a person reads.
func named(slugs []string) string {
	text := strings.Join(slugs[:min(len(slugs), maxNamed)], ", ")
	if len(slugs) > maxNamed {
		text += ", ..."
	}
	return text
}

// listSlugs gives the tenants of the development database, whatever its schema
// is. One without a registry has none.
func listSlugs(ctx context.Context, instance *devpg.Instance) (_ []string, err error) {
	conn, err := pgx.Connect(ctx, instance.SuperURL(devpg.Database))
	if stateOf(err) == "3D000" { // There is no such database: an earlier reset was cut short.
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	var slugs []string
	rows, err := conn.Query(ctx, "SELECT slug FROM public.tenants ORDER BY slug")
	if err == nil {
		slugs, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if stateOf(err) == "42P01" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("count the tenants: %w", err)
	}
	return slugs, nil
}

func stateOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// resetDatabase throws away all tenants of the development instance.
func resetDatabase(ctx context.Context, instance *devpg.Instance) (err error) {
	conn, err := pgx.Connect(ctx, instance.SuperURL("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	database := tenant.QuoteIdent(devpg.Database)
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + database + " WITH (FORCE)",
		"CREATE DATABASE " + database + " OWNER " + tenant.QuoteIdent(devpg.OwnerRole),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := instance.Harden(ctx, devpg.Database); err != nil {
		return err
	}
	return dropTenantRoles(ctx, conn)
}

// dropTenantRoles removes the roles whose schemas are gone; roles outlive their database.
func dropTenantRoles(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT rolname FROM pg_roles WHERE rolname ~ '^t_[0-9a-f]{32}$'`)
	if err != nil {
		return err
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, role := range roles {
		if _, err := conn.Exec(ctx, "DROP ROLE "+tenant.QuoteIdent(role)); err != nil {
			return err
		}
	}
	return nil
}
