//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// devRoles are the roles of a development instance, as people call them.
var devRoles = map[string]string{
	"owner": devpg.OwnerRole, "runtime": devpg.RuntimeRole, "superuser": devpg.SuperRole,
}

func newDevURLCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "dev-url [owner|runtime|superuser]",
		Short: "Print the connection string of the development instance that runs",
		Long: `dev-url prints a connection string of the development instance, with the password,
as long as it runs: while "go run ./server" does, on its own database. It starts
none. The port is another one after each start.

owner, which is meant where none is named, owns the schemas: DATABASE_OWNER_URL.
runtime is what a service logs in as: DATABASE_URL. superuser may do everything.

Exit status: 0 when it is printed, 1 when no instance runs, 2 when the command line
is wrong.`,
		Example: `  export DATABASE_OWNER_URL=$(bailiwick dev-url)
  psql "$(bailiwick dev-url superuser)"
  bailiwick dev-url runtime --json | jq -r .url`,
		Args:      devRoleArg,
		ValidArgs: slices.Sorted(maps.Keys(devRoles)),
		RunE: func(cmd *cobra.Command, args []string) error {
			role := devpg.OwnerRole
			if len(args) > 0 {
				role = devRoles[args[0]]
			}
			url, err := devURL(cmd.Context(), cmd, role)
			if err != nil {
				return fmt.Errorf("dev-url: %w", err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"role": role, "url": url})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), url)
			return wrapPrint(err)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the role and the connection string")
	return command
}

// devRoleArg is for a role that may be left out.
func devRoleArg(cmd *cobra.Command, args []string) error {
	if err := atMostOneArg("role")(cmd, args); err != nil {
		return err
	}
	if len(args) > 0 && devRoles[args[0]] == "" {
		return usagef(cmd, "there is no role %q: it is one of %s", args[0], strings.Join(slices.Sorted(maps.Keys(devRoles)), ", "))
	}
	return nil
}

// devURL is a connection string of the instance that others hold.
func devURL(ctx context.Context, cmd *cobra.Command, role string) (string, error) {
	o, err := devOptions(cmd)
	if err != nil {
		return "", err
	}
	instance, err := devpg.Attach(ctx, o)
	if errors.Is(err, devpg.ErrNotRunning) {
		return "", errors.New("the development instance does not run\n\tmend: `go run ./server`, without DATABASE_URL, starts it; leave that running")
	}
	if err != nil {
		return "", err
	}
	return instance.URL(role, devpg.Database), instance.Close()
}
