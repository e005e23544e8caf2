//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/breaking"
	"github.com/bailiwick-dev/bailiwick/internal/check"
	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

func newCheckCommand() *cobra.Command {
	var asJSON bool
	var url, base string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Prepare every query on a real PostgreSQL, and compare the API with an earlier revision",
		Long: `check makes the desired schemas in a scratch database, prepares every query
there as the role and under the search_path that it runs with, and compares
PostgreSQL's types and nullability with what sqlc generates without a database.
It reports what sqlc cannot see: a query that PostgreSQL refuses, a table that
tenants may not read, an aggregate that is numeric or null, an untyped column.

Without --url the project's embedded PostgreSQL is used, and started if need
be. With --url the role of the URL makes a scratch database, which is dropped
at the end; it needs CREATEDB and CREATEROLE.

A finding of type or nullability is allowed by a comment with a reason, above
the query:

  -- bailiwick:allow nullable-column the join finds a row for every scan

With --base the API's document is compared with the one at that revision of git,
and a change that may break a client is a finding, unless info.version has a
higher major there (of 0.x: a higher minor), or the change stands with its reason
in docs/announced-changes.txt (or what "announced" in bailiwick.yaml names).

Exit status: 0 when all is well, 1 otherwise, 2 when the command line is wrong.`,
		Example: `  bailiwick check
  bailiwick check --url postgres://owner@db.example/postgres
  bailiwick check --base origin/main
  bailiwick check --json | jq '.[].message'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, looked, err := checkProject(cmd, url)
			if err == nil && base != "" {
				err = checkDocument(cmd, base, &list, &looked)
			}
			if err != nil {
				return err
			}
			return writeFindings(cmd.OutOrStdout(), list, looked, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	cmd.Flags().StringVar(&url, "url", "", "a PostgreSQL server to use instead of the embedded one")
	cmd.Flags().StringVar(&base, "base", "", "also compare the API's document with that of this revision of git")
	completeFlag(cmd, "base", completeNone)
	return cmd
}

// checkDocument adds what the API breaks since the base. A project that can't be
// loaded was a finding before.
func checkDocument(cmd *cobra.Command, base string, list *diag.List, looked *string) error {
	p, err := loadProject(cmd)
	if found, ok := errors.AsType[diag.List](err); ok {
		*list = slices.Compact(append(*list, found...))
		return nil
	}
	if err != nil {
		return err
	}
	found, err := breaking.Check(cmd.Context(), p, base)
	*list = append(*list, found...)
	*looked += ", " + p.OpenAPI + " beside that of " + base
	return err
}

// checkProject starts the server and runs sqlc at the same time: both take
// about a second.
func checkProject(cmd *cobra.Command, url string) (list diag.List, looked string, err error) {
	dir, err := projectDir(cmd)
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	server := make(chan started, 1)
	go func() { server <- startServer(ctx, dir, url) }()
	model, modelErr := check.Model(ctx, dir, []string{self, sqlcName})
	if modelErr != nil {
		cancel()
	}
	s := <-server
	defer func() { err = errors.Join(err, s.close()) }()
	if errors.As(modelErr, &list) {
		list.Sort()
		return slices.Compact(list), "", nil // sqlc reads each query once for each of its outputs
	}
	if modelErr != nil {
		return nil, "", modelErr
	}
	if s.err != nil {
		return nil, "", s.err
	}
	return runCheck(ctx, s.url, model)
}

func runCheck(ctx context.Context, url string, model *codegen.Model) (list diag.List, looked string, err error) {
	err = check.InScratch(ctx, url, func(ctx context.Context, conn *pgx.Conn) error {
		list, err = check.Run(ctx, conn, model)
		looked = plural(countQueries(model), "query") + " on PostgreSQL " + conn.PgConn().ParameterStatus("server_version")
		return err
	})
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		err = fmt.Errorf("%w\n\tmend: the role of --url makes a scratch database and roles: ALTER ROLE ... CREATEDB CREATEROLE, or leave --url out", err)
	}
	return list, looked, err
}

func countQueries(model *codegen.Model) (n int) {
	for _, p := range model.Packages {
		n += len(p.Queries)
	}
	return n
}

// started is a server that may have been started for this run.
type started struct {
	url   string
	close func() error
	err   error
}

func startServer(ctx context.Context, dir, url string) started {
	s := started{url: url, close: func() error { return nil }}
	if url != "" {
		return s
	}
	instance, err := devpg.Start(ctx, devpg.Options{Name: devpg.Test, Project: dir})
	if err != nil {
		s.err = fmt.Errorf("start PostgreSQL: %w", err)
		return s
	}
	s.url, s.close = instance.OwnerURL(devpg.Database), instance.Close
	return s
}
