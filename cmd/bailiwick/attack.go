//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

func newAttackCommand() *cobra.Command {
	var target attack.Target
	var document string
	var asJSON bool
	var logFile string
	var mayMiss []int
	cmd := &cobra.Command{
		Use:   "attack",
		Short: "Try to get from one tenant of a running service into another",
		Long: `attack runs the attacks of docs/attacks.md against a service, as far as it is told
what it needs, and prints for each what was sent, what came back, and whether that
is safe. From the API's document it derives the cases of every operation: without
a token, with the other tenant's, without the permission, with the other's ids.

It attacks for real. Where the service is not safe, things of tenant B change or
go. Use a service and a database whose data nobody needs, and tenants that have
some: what B has not can't be stolen.

The tenants' hosts are those of --host-a and --host-b; the first label of one is
the tenant's slug. Credentials may be given by the environment, which no list of
processes shows: ATTACK_TOKEN_A, ATTACK_TOKEN_B, ATTACK_TOKEN_LIMITED,
ATTACK_TOKEN_REMOVED, ATTACK_TOKEN_SPARE, ATTACK_KEY_B, ATTACK_KEY_REVOKED,
ATTACK_KEY_SPARE, ATTACK_OPERATOR_KEY, ATTACK_DATABASE_URL, ATTACK_OWNER_URL.

What is not given is not tried, and the table says so. With --database-url, the
runtime role's, the database is attacked too. With --owner-url domains are claimed,
and the spare tenant's schema is changed and put back before the tenant is suspended
and offboarded. With an operator's key tenants are made and purged. --all-but makes
it a failure that anything else was not tried, for where nobody reads the table.

Exit status: 0 when all that was tried is safe, 1 when something is not, or was not
tried and had to be, or nothing was, or the service can't be attacked, such as when
a credential is not what its flag says, 2 when the command line is wrong.`,
		Example: `  bailiwick attack --url http://127.0.0.1:8080 --host-a acme.localhost --token-a "$A" --host-b globex.localhost --token-b "$B"
  bailiwick attack --url https://staging.example --openapi openapi.yaml --host-a acme.staging.example --host-b globex.staging.example
  bailiwick attack --url http://127.0.0.1:8080 --host-a a.localhost --host-b b.localhost --json | jq '.results[] | select(.outcome != "safe")'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fromEnvironment(&target)
			if err := attackUsage(cmd, target, mayMiss); err != nil {
				return err
			}
			if err := fromFiles(&target, document, logFile); err != nil {
				return err
			}
			missing := func(*attack.Report) []int { return nil }
			if cmd.Flags().Changed("all-but") {
				missing = func(r *attack.Report) []int { return without(r.Untried(), mayMiss) }
			}
			return runAttack(cmd, target, asJSON, missing)
		},
	}
	targetFlags(cmd.Flags(), &target)
	cmd.Flags().StringVar(&document, "openapi", "", "the API's document (default: the service's /openapi.yaml)")
	cmd.Flags().StringVar(&logFile, "log", "", "the service's log, to look for secrets in it")
	cmd.Flags().IntSliceVar(&mayMiss, "all-but", nil, "fail when an attack is not tried that is none of these numbers")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return require(cmd, "url", "host-a", "host-b")
}

func targetFlags(flags *pflag.FlagSet, target *attack.Target) {
	flags.StringVar(&target.URL, "url", "", "where the service listens (required)")
	flags.StringVar(&target.A.Host, "host-a", "", "host of the tenant that attacks (required)")
	flags.StringVar(&target.B.Host, "host-b", "", "host of the tenant that is attacked (required)")
	flags.StringVar(&target.Spare.Host, "host-spare", "", "host of a tenant that may be offboarded for good")
	flags.StringVar(&target.A.Token, "token-a", "", "token of a member of A who may do everything")
	flags.StringVar(&target.B.Token, "token-b", "", "token of a member of B who may do everything")
	flags.StringVar(&target.A.Limited, "token-limited", "", "token of a member of A without permissions")
	flags.StringVar(&target.A.Removed, "token-removed", "", "valid token for A of somebody who is no member")
	flags.StringVar(&target.Spare.Token, "token-spare", "", "token of a member of the spare tenant")
	flags.StringVar(&target.B.Key, "key-b", "", "an API key of B that is good")
	flags.StringVar(&target.A.RevokedKey, "key-revoked", "", "an API key of A that was revoked")
	flags.StringVar(&target.Spare.Key, "key-spare", "", "an API key of the spare tenant that is good")
	flags.StringVar(&target.KeysURL, "jwks-url", "", "where the issuer's public keys are (default: as its discovery says)")
	flags.StringVar(&target.OperatorURL, "operator-url", "", "where the operator's endpoints listen")
	flags.StringVar(&target.OperatorKey, "operator-key", "", "a key that is good there")
	flags.StringVar(&target.RuntimeURL, "database-url", "", "connection string of the runtime role")
	flags.StringVar(&target.OwnerURL, "owner-url", "", "connection string of the owner role")
	flags.DurationVar(&target.Timeout, "timeout", attack.DefaultTimeout, "time for one request")
	flags.IntSliceVar(&target.Only, "only", nil, "numbers of the attacks to try, such as 4,26 (default: all)")
	flags.StringVar(&target.TenantClaim, "tenant-claim", "", "claim that holds the tenant's id (default: tenant)")
}

func runAttack(cmd *cobra.Command, target attack.Target, asJSON bool, missing func(*attack.Report) []int) error {
	report, err := attack.Run(cmd.Context(), target)
	if err != nil && cmd.Context().Err() != nil {
		return errors.New("interrupted: there is no verdict, and what the attacks have changed may be left")
	}
	if err != nil {
		return errors.New(inFlags.Replace(err.Error()))
	}
	for i := range report.Results {
		report.Results[i].Got = inFlags.Replace(report.Results[i].Got)
		report.Results[i].Reason = inFlags.Replace(report.Results[i].Reason)
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.Write(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	if left := missing(report); len(left) > 0 {
		return fmt.Errorf("attacks %v were not tried, and --all-but does not name them; the table says what they need", left)
	}
	if report.Attempts() == 0 {
		return errors.New("nothing was tried; the table says what the attacks need")
	}
	if len(report.Unsafe()) > 0 {
		return exitError{status: 1}
	}
	return nil
}

// without are the numbers that are not in another list.
func without(numbers, allowed []int) []int {
	return slices.DeleteFunc(numbers, func(n int) bool { return slices.Contains(allowed, n) })
}

// fromFiles reads the document, and later the log.
func fromFiles(target *attack.Target, document, logFile string) (err error) {
	if document != "" {
		if target.Document, err = os.ReadFile(document); err != nil {
			return fmt.Errorf("read the API's document: %w", err)
		}
	}
	if logFile != "" {
		target.Log = func() ([]byte, error) { return os.ReadFile(logFile) }
	}
	return nil
}
