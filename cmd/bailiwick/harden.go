//go:build cgo

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
	var printOnly, asJSON bool
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

The embedded PostgreSQL and the databases of tests are hardened already.

Exit status: 0 when the database is hardened or the SQL printed, 1 otherwise, 2
when the command line is wrong.`,
		Example: `  ` + superuserURL + `=postgres://postgres@db.example/app bailiwick harden
  bailiwick harden --print --owner app_owner --runtime app | psql "$` + superuserURL + `"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := hardenScript(owner, runtime)
			if err != nil {
				return err
			}
			if !printOnly {
				if err := hardenDatabase(cmd.Context(), &result); err != nil {
					return err
				}
			}
			return writeHardened(cmd.OutOrStdout(), result, asJSON)
		},
	}
	cmd.Flags().BoolVar(&printOnly, "print", false, "print the SQL and connect to nothing")
	cmd.Flags().StringVar(&owner, "owner", "", "the owner role (default: that of DATABASE_OWNER_URL, else "+devpg.OwnerRole+")")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the roles, and with the database or the SQL")
	cmd.Flags().StringVar(&runtime, "runtime", "", "the runtime role (default: that of DATABASE_URL, else "+devpg.RuntimeRole+")")
	return cmd
}

// hardened is what `harden --json` prints.
type hardened struct {
	Owner   string `json:"owner"`
	Runtime string `json:"runtime"`
	// Database was hardened; empty with --print.
	Database string `json:"database,omitempty"`
	// SQL is the script with --print.
	SQL string `json:"sql,omitempty"`
}

func hardenScript(owner, runtime string) (h hardened, err error) {
	if h.Owner, err = roleOf(owner, "DATABASE_OWNER_URL", devpg.OwnerRole); err != nil {
		return h, err
	}
	if h.Runtime, err = roleOf(runtime, "DATABASE_URL", devpg.RuntimeRole); err != nil {
		return h, err
	}
	h.SQL = harden.Script(h.Owner, h.Runtime)
	return h, nil
}

func writeHardened(out io.Writer, h hardened, asJSON bool) error {
	text := h.SQL
	switch {
	case asJSON:
		return writeJSON(out, h)
	case h.Database != "":
		text = "database " + h.Database + " is hardened\n"
	}
	_, err := io.WriteString(out, text)
	return wrapPrint(err)
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

// hardenDatabase runs the script and puts the database in its place.
func hardenDatabase(ctx context.Context, h *hardened) (err error) {
	url := os.Getenv(superuserURL)
	if url == "" {
		return errors.New(superuserURL + " is not set, and only a superuser can harden a database\n" +
			"\tmend: set it to postgres://SUPERUSER@HOST/DATABASE, or let a superuser run what `bailiwick harden --print` prints")
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
		return fmt.Errorf("%s is no superuser, and nobody else can harden a database\n\tmend: name a superuser in %s, or hand one what `bailiwick harden --print` prints",
			conn.Config().User, superuserURL)
	}
	if _, err := conn.Exec(ctx, h.SQL); err != nil {
		return fmt.Errorf("harden: %w", err)
	}
	h.Database, h.SQL = conn.Config().Database, ""
	return nil
}
