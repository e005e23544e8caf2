// Command bailiwick generates, checks and operates tenant-scoped data access
// on PostgreSQL. It holds thin commands over internal/* and tenant/catalog.
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRootCommand().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.status
	}
	fmt.Fprintln(os.Stderr, "bailiwick: "+err.Error())
	return 1
}

// exitError ends the tool with a status whose reason has been printed already.
type exitError struct{ status int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "bailiwick",
		Short:         "Tenant-scoped data access in Go on PostgreSQL, one schema per tenant",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringP("dir", "C", ".", "the project's folder")
	root.AddCommand()
	root.AddCommand(newGenerateCommand(), newSQLCCommand())
	root.AddCommand(newLintCommand(), newCheckCommand())
	root.AddCommand(newTenantCommand(), newHardenCommand())
	root.AddCommand(newTokenCommand())
	return root
}
