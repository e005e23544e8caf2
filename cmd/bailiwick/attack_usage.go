//go:build cgo

package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// attackUsage looks at what a command line alone shows to be wrong: numbers that no
// attack has would be a report of nothing, and no token is no target.
func attackUsage(cmd *cobra.Command, target attack.Target, mayMiss []int) error {
	for _, n := range slices.Concat(target.Only, mayMiss) {
		if n < 1 || n > attack.Attacks {
			return usagef(cmd, "there is no attack %d: they are 1 to %d", n, attack.Attacks)
		}
	}
	if target.Timeout <= 0 {
		return usagef(cmd, "--timeout is a time above zero, such as 30s, and was %s", target.Timeout)
	}
	for _, required := range []struct{ token, flag, variable string }{
		{target.A.Token, "--token-a", "ATTACK_TOKEN_A"}, {target.B.Token, "--token-b", "ATTACK_TOKEN_B"},
	} {
		if required.token == "" {
			return usagef(cmd, "there is no token of a tenant's member: give %s, or %s in the environment", required.flag, required.variable)
		}
	}
	if cmd.Flags().Changed("operator-key") && target.OperatorURL == "" {
		return usagef(cmd, "--operator-key is good nowhere without --operator-url")
	}
	return nil
}

// fromEnvironment takes credentials that no flag gives from where no list of
// processes shows them.
func fromEnvironment(target *attack.Target) {
	for name, to := range map[string]*string{
		"ATTACK_TOKEN_A": &target.A.Token, "ATTACK_TOKEN_B": &target.B.Token, "ATTACK_TOKEN_LIMITED": &target.A.Limited,
		"ATTACK_TOKEN_REMOVED": &target.A.Removed, "ATTACK_TOKEN_SPARE": &target.Spare.Token,
		"ATTACK_KEY_B": &target.B.Key, "ATTACK_KEY_REVOKED": &target.A.RevokedKey, "ATTACK_KEY_SPARE": &target.Spare.Key,
		"ATTACK_OPERATOR_KEY": &target.OperatorKey, "ATTACK_DATABASE_URL": &target.RuntimeURL, "ATTACK_OWNER_URL": &target.OwnerURL,
	} {
		if *to == "" {
			*to = os.Getenv(name)
		}
	}
}

// inFlags names the fields of attack.Target as who runs the command knows them.
var inFlags = strings.NewReplacer(
	"Target.A.Host", "--host-a", "Target.B.Host", "--host-b", "Target.Spare.Host", "--host-spare",
	"Target.A.Token", "--token-a", "Target.B.Token", "--token-b", "Target.Spare.Token", "--token-spare",
	"Target.A.Limited", "--token-limited", "Target.A.Removed", "--token-removed",
	"Target.A.RevokedKey", "--key-revoked", "Target.B.Key", "--key-b", "Target.Spare.Key", "--key-spare",
	"Target.OperatorURL", "--operator-url", "Target.OperatorKey", "--operator-key",
	"Target.RuntimeURL", "--database-url", "Target.OwnerURL", "--owner-url",
	"Target.KeysURL", "--jwks-url", "Target.Document", "--openapi", "Target.Log", "--log", "Target.Timeout", "--timeout", "Target.URL", "--url",
	"Target.Sign", "Target.Sign of a Go test",
)
