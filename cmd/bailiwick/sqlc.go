//go:build cgo

package main

import (
	"github.com/spf13/cobra"
	"github.com/sqlc-dev/sqlc/pkg/cli"
)

// sqlcName is the hidden subcommand that behaves as sqlc's own program.
const sqlcName = "sqlc"

// newSQLCCommand is sqlc itself. `bailiwick generate` runs it as a process of
// its own, which is the only way to read its errors.
func newSQLCCommand() *cobra.Command {
	return &cobra.Command{
		Use:                sqlcName,
		Short:              "Run sqlc",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if status := cli.Run(args); status != 0 {
				return exitError{status}
			}
			return nil
		},
	}
}
