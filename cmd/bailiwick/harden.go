package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/harden"
)

// superuserURL is the variable that names the database to harden.
const superuserURL = "DATABASE_SUPERUSER_URL"

func newHardenCommand() *cobra.Command {
	var printOnly bool
	var owner, runtime string
	cmd := &cobra.Command{
		Use:   "harden",
		Short: "Take from PUBLIC what would let a query leave its tenant",
		Long: `harden takes from PUBLIC, in one database, what PostgreSQL lets every role do and
what no tenant's query has a need of: changing settings (and so the role), running
SQL given as text, advisory locks, notifications and large objects, the views of
sessions and statistics, temporary tables, new schemas and objects in public. The
owner role keeps it, and the runtime role what binding a tenant takes.

It takes a superuser, once for each database, after the two roles are made and
before there are tenants. ` + superuserURL + ` names the database and the superuser.
With --print the SQL is printed instead, for whoever is the superuser.

The embedded PostgreSQL and the databases of tests are hardened already.`,
		Example: `  ` + superuserURL + `=postgres://postgres@db.example/app bailiwick harden
  bailiwick harden --print --owner app_owner --runtime app | psql "$` + superuserURL + `"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			script, err := hardenScript(owner, runtime)
			if err != nil {
				return err
			}
			if printOnly {
				_, err := io.WriteString(cmd.OutOrStdout(), script)
				return err
			}
			return hardenDatabase(cmd.Context(), cmd.OutOrStdout(), script)
		},
	}
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the SQL and connect to nothing")
	cmd.Flags().StringVar(&owner, "owner", "", "the owner role (default: that of DATABASE_OWNER_URL, else "+devpg.OwnerRole+")")
	cmd.Flags().StringVar(&runtime, "runtime", "", "the runtime role (default: that of DATABASE_URL, else "+devpg.RuntimeRole+")")
	return cmd
}

func hardenScript(owner, runtime string) (string, error) {
	owner, err := roleOf(owner, "DATABASE_OWNER_URL", devpg.OwnerRole)
	if err != nil {
		return "", err
	}
	runtime, err = roleOf(runtime, "DATABASE_URL", devpg.RuntimeRole)
	if err != nil {
		return "", err
	}
	return harden.Script(owner, runtime), nil
}

// roleOf is the role that was given, or that of a connection string.
func roleOf(given, variable, usual string) (string, error) {
	if given != "" {
		return given, nil
	}
	url := os.Getenv(variable)
	if url == "" {
		return usual, nil
	}
	parsed, err := pgconn.ParseConfig(url)
	if err != nil {
		return "", fmt.Errorf("%s: %w", variable, err)
	}
	return parsed.User, nil
}

func hardenDatabase(ctx context.Context, out io.Writer, script string) (err error) {
	url := os.Getenv(superuserURL)
	if url == "" {
		return errors.New(superuserURL + " is not set: set it, or let a superuser run what --print prints")
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("%s: %w", superuserURL, err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	var super bool
	if err := conn.QueryRow(ctx, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").Scan(&super); err != nil {
		return fmt.Errorf("harden: %w", err)
	}
	if !super {
		return fmt.Errorf("%s is no superuser, and nobody else can harden a database", conn.Config().User)
	}
	if _, err := conn.Exec(ctx, script); err != nil {
		return fmt.Errorf("harden: %w", err)
	}
	_, err = fmt.Fprintf(out, "database %s is hardened\n", conn.Config().Database)
	return err
}
