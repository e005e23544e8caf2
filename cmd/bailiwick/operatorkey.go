//go:build cgo

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/operator"
)

func newOperatorKeyCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "operator-key NAME",
		Short: "Make a key for the operator API",
		Long: `operator-key makes a key for a service's operator API, which is at OPERATOR_ADDR.
The key is shown once and kept nowhere. The entry holds only its hash, and goes
into the service's OPERATOR_KEYS. What the bearer of the key does stands in the
audit with the actor operator:NAME.

To change a key, add the new entry after a comma, and remove the old one when
nobody uses it any more. No database is needed.

Exit status: 0 when the key is printed, 1 otherwise, 2 when the command line is
wrong.`,
		Args: oneArg("NAME"),
		Example: `  bailiwick operator-key ann
  bailiwick operator-key deploy-bot --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			key, entry, err := operator.GenerateKey(args[0])
			if err != nil {
				return usagef(cmd, "%v", err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"key": key, "entry": entry})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "key    %s\nentry  %s\n", key, entry)
			return wrapPrint(err)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON object with the key and the entry")
	return command
}
