//go:build cgo

package main

import (
	"cmp"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/doctor"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// defaultMaxConns is the service's own default of DATABASE_MAX_CONNS.
const defaultMaxConns = 8

func newDoctorCommand() *cobra.Command {
	var asJSON bool
	var o doctor.Options
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a project and a database, and say what to change",
		Long: `doctor looks at the project (Go, the versions of tool and runtime, its files,
lint, whether the generated code is up to date) and at the database (version and
settings of the server, rights of the two roles, each tenant's role, schema and
grants, schema versions, the mode of a pooler). It changes nothing, and says of
each fault which SQL or setting mends it.

--url and --owner-url are the connection strings of the runtime and the owner
role; without them DATABASE_URL and DATABASE_OWNER_URL count, and without those
the project's embedded PostgreSQL, if it runs. Outside of a project only the
database is looked at. DATABASE_MAX_CONNS and DATABASE_UNNAMED are taken to be
the service's.

Exit status: 0 when nothing is wrong (there may be something to look at), 1 when
something is, 2 when the command line is wrong.`,
		Example: `  bailiwick doctor
  bailiwick doctor --url postgres://app@db.example/app --owner-url postgres://app_owner@db.example/app
  bailiwick doctor --json | jq '.[] | select(.status == "fail")'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := examine(cmd, o)
			if cmd.Context().Err() != nil {
				err = cmd.Context().Err() // What an interrupted check has found is not so.
			}
			if err != nil {
				return calm(cmd, err)
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.Write(cmd.OutOrStdout())
			}
			if err == nil && report.Failed() {
				err = exitError{1}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	cmd.Flags().StringVar(&o.URL, "url", "", "connection string of the runtime role (default: DATABASE_URL)")
	cmd.Flags().StringVar(&o.OwnerURL, "owner-url", "", "connection string of the owner role (default: DATABASE_OWNER_URL)")
	completeFlag(cmd, "url", completeNone)
	completeFlag(cmd, "owner-url", completeNone)
	return cmd
}

// examine fills in what the flags leave open, and runs the checks.
func examine(cmd *cobra.Command, o doctor.Options) (report doctor.Report, err error) {
	o.Flags = o.URL != "" || o.OwnerURL != ""
	if !o.Flags {
		o.URL, o.OwnerURL = os.Getenv("DATABASE_URL"), os.Getenv("DATABASE_OWNER_URL")
	}
	if o.Dir, err = projectDir(cmd); err != nil {
		if given := cmd.Flags().Changed("dir"); given || o.URL == "" && o.OwnerURL == "" {
			return nil, err
		}
	}
	if o.MaxConns, err = strconv.Atoi(cmp.Or(os.Getenv("DATABASE_MAX_CONNS"), strconv.Itoa(defaultMaxConns))); err != nil {
		return nil, fmt.Errorf("DATABASE_MAX_CONNS: %w", err)
	}
	if o.Unnamed, err = strconv.ParseBool(cmp.Or(os.Getenv("DATABASE_UNNAMED"), "false")); err != nil {
		return nil, fmt.Errorf("DATABASE_UNNAMED: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	o.Version, o.SQLC = buildInfo().Version, []string{self, sqlcName}
	if o.URL != "" || o.OwnerURL != "" {
		return doctor.Run(cmd.Context(), o), nil
	}
	return examineEmbedded(cmd, o), nil
}

// examineEmbedded looks at the development instance, and does not start it.
func examineEmbedded(cmd *cobra.Command, o doctor.Options) doctor.Report {
	instance, err := devpg.Attach(cmd.Context(), devpg.Options{Name: devpg.Dev, Project: o.Dir})
	if err == nil {
		o.URL, o.OwnerURL = instance.RuntimeURL(devpg.Database), instance.OwnerURL(devpg.Database)
	}
	report := doctor.Run(cmd.Context(), o)
	if err != nil {
		return append(report, doctor.Finding{
			Area: "database", Check: "connection", Status: doctor.Skip,
			Message: "neither DATABASE_URL nor --url is given, and the embedded PostgreSQL does not run",
		})
	}
	if err := instance.Close(); err != nil {
		cmd.PrintErrln("warning:", err)
	}
	return report
}
