//go:build cgo

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

func newAttackCommand() *cobra.Command {
	var target attack.Target
	var document string
	var asJSON bool
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

Tokens may be given by the environment: ATTACK_TOKEN_A, ATTACK_TOKEN_B,
ATTACK_TOKEN_LIMITED, ATTACK_TOKEN_REMOVED, ATTACK_TOKEN_SPARE, ATTACK_KEY_B. The
tenants' hosts are those of --host-a and --host-b; the first label of one is the
tenant's slug.

With --database-url, the runtime role's, it attacks the database too, and with
--owner-url it claims a domain, and suspends and offboards the tenant of
--host-spare.

Exit status: 0 when all that was tried is safe, 1 when something is not or the
service can't be attacked, 2 when the command line is wrong.`,
		Example: `  bailiwick attack --url http://127.0.0.1:8080 --host-a acme.localhost --token-a "$A" --host-b globex.localhost --token-b "$B"
  bailiwick attack --url https://staging.example --openapi openapi.yaml --host-a acme.staging.example --host-b globex.staging.example
  bailiwick attack --url http://127.0.0.1:8080 --host-a a.localhost --host-b b.localhost --json | jq '.results[] | select(.outcome != "safe")'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runAttack(cmd, target, document, asJSON) },
	}
	targetFlags(cmd.Flags(), &target)
	cmd.Flags().StringVar(&document, "openapi", "", "the API's document (default: the service's /openapi.yaml)")
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
	flags.StringVar(&target.OperatorURL, "operator-url", "", "where the operator's endpoints listen")
	flags.StringVar(&target.RuntimeURL, "database-url", "", "connection string of the runtime role")
	flags.StringVar(&target.OwnerURL, "owner-url", "", "connection string of the owner role")
	flags.DurationVar(&target.Timeout, "timeout", attack.DefaultTimeout, "time for one request")
	flags.IntSliceVar(&target.Only, "only", nil, "numbers of the attacks to try, such as 4,26 (default: all)")
	flags.StringVar(&target.TenantClaim, "tenant-claim", "", "claim that holds the tenant's id (default: tenant)")
}

func runAttack(cmd *cobra.Command, target attack.Target, document string, asJSON bool) error {
	fromEnvironment(&target)
	if document != "" {
		text, err := os.ReadFile(document)
		if err != nil {
			return fmt.Errorf("read the API's document: %w", err)
		}
		target.Document = text
	}
	report, err := attack.Run(cmd.Context(), target)
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.Write(cmd.OutOrStdout())
	}
	if err == nil && len(report.Unsafe()) > 0 {
		return exitError{status: 1}
	}
	return err
}

// fromEnvironment takes tokens that no flag gives from where no list of processes
// shows them.
func fromEnvironment(target *attack.Target) {
	for name, to := range map[string]*string{
		"ATTACK_TOKEN_A": &target.A.Token, "ATTACK_TOKEN_B": &target.B.Token, "ATTACK_TOKEN_LIMITED": &target.A.Limited,
		"ATTACK_TOKEN_REMOVED": &target.A.Removed, "ATTACK_TOKEN_SPARE": &target.Spare.Token, "ATTACK_KEY_B": &target.B.Key,
	} {
		if *to == "" {
			*to = os.Getenv(name)
		}
	}
}
