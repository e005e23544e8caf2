//go:build cgo

// Command bailiwick generates, checks and operates tenant-scoped data access
// on PostgreSQL. It holds thin commands over internal/* and tenant/catalog.
//
// Its files are built with cgo only, since PostgreSQL's grammar is C; without a
// C compiler nocgo.go is all there is, and says so.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run())
}

func run() int {
	vetTool(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRootCommand()
	root.SetOut(screen{os.Stdout})
	root.SetErr(screen{os.Stderr})
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.status
	}
	root.PrintErrln("bailiwick: " + err.Error())
	if _, ok := errors.AsType[usageError](err); ok {
		return statusUsage
	}
	return 1
}

// exitError ends the tool with a status whose reason has been printed already.
type exitError struct{ status int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

func newRootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "bailiwick",
		Short: "Tenant-scoped data access in Go on PostgreSQL, one schema per tenant",
		Long: `bailiwick generates and checks the Go of a project, and operates its tenants.

A project is a folder with openapi.yaml, sqlc.yaml or bailiwick.yaml. Commands
find it at or above the working directory; --dir names another.

Exit status: 0 when all is well, 1 when something is wrong, 2 when the command
line is. Of the commands of schema, 2 also says that schemas are not, or not yet,
as they should be.`,
		Example: `  bailiwick init notes
  bailiwick generate
  bailiwick tenant create acme --plan team
  bailiwick doctor`,
		Version:       buildInfo().Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	})
	root.PersistentFlags().StringP("dir", "C", "", "the project's folder (default: the nearest at or above the working directory)")
	root.AddCommand(newInitCommand(), newGenerateCommand(), newSQLCCommand())
	root.AddCommand(newLintCommand(), newVetCommand(), newCheckCommand())
	root.AddCommand(newTenantCommand(), newSchemaCommand(), newHardenCommand())
	root.AddCommand(newTokenCommand(), newDevURLCommand(), newOperatorKeyCommand(), newDoctorCommand(), newAttackCommand(), newVersionCommand())
	finish(root)
	return root
}
