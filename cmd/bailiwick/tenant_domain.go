//go:build cgo

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/domains"
)

func newTenantDomainCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "domain",
		Short: "Host names of tenants' own",
		Long: `domain works on custom domains. A tenant claims a host name, proves that it has
control of it, and is served there from then on. Several may claim one; the first
to prove it has it. A worker of the service proves domains anew now and then, and
releases those that have been pointed elsewhere.

The names below BASE_DOMAIN are the slugs', and can't be claimed.`,
		Example: `  bailiwick tenant domain add acme app.acme.example
  bailiwick tenant domain verify acme app.acme.example
  bailiwick tenant domain list`,
	})
	cmd.AddCommand(newDomainAddCommand(), newDomainVerifyCommand(), newDomainRemoveCommand(), newDomainListCommand())
	return cmd
}

// domainCommand completes a command that is for one domain of one tenant. What do
// returns is printed by write; what the domain was before is zero when it was not
// claimed.
func domainCommand(cmd *cobra.Command, set func(*catalog.Config),
	do func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, host string, was catalog.Domain) (d catalog.Domain, already bool, err error),
	write func(w io.Writer, slug string, d catalog.Domain) error,
) *cobra.Command {
	var asJSON bool
	cmd.Args = twoArgs("SLUG", "HOST")
	cmd.ValidArgsFunction = completeWith(completeTenants)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error {
			ref := refOf(args[0], 0)
			was, err := claimOf(ctx, c, ref, args[1])
			if err != nil {
				return mendMissing(err)
			}
			d, already, err := do(ctx, c, ref, args[1], was)
			if err != nil {
				return mendUnclaimed(ctx, c, ref, err)
			}
			noteAlready(cmd, args[0], already)
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					catalog.Domain

					Already bool `json:"already"`
				}{d, already})
			}
			return write(cmd.OutOrStdout(), args[0], d)
		}, func(config *catalog.Config) {
			config.Domains.Base = os.Getenv("BASE_DOMAIN")
			set(config)
		})
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the domain as a JSON object")
	return cmd
}

// claimOf is a tenant's claim to a host, or zero.
func claimOf(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, host string) (d catalog.Domain, err error) {
	name, err := tenant.CanonicalHost(host)
	if err != nil {
		return d, err
	}
	all, err := c.Domains(ctx, ref)
	if i := slices.IndexFunc(all, func(d catalog.Domain) bool { return d.Host == name }); i >= 0 {
		d = all[i]
	}
	return d, err
}

// mendUnclaimed says where to look for a domain that was not found, or for its tenant.
func mendUnclaimed(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, err error) error {
	if tenant.CodeOf(err) != tenant.CodeNotFound {
		return err
	}
	if _, missing := c.Find(ctx, ref); missing != nil {
		return mendMissing(err)
	}
	return fmt.Errorf("%w\n\tmend: `bailiwick tenant domain list %s` shows the domains that it has claimed", err, called(ref))
}

func nothingSet(*catalog.Config) {}

func newDomainAddCommand() *cobra.Command {
	return domainCommand(&cobra.Command{
		Use:   "add SLUG HOST",
		Short: "Claim a host name for a tenant, and say how it is proven",
		Long: `add claims a host name for a tenant and prints what proves it: a TXT record, or a
page that the host answers. It leads nowhere until it is verified. To claim it again
prints the same. Names in other alphabets are given in their xn-- form.

Exit status: 0 when it is claimed, 1 when it is not, 2 when the command line is
wrong.`,
		Example: `  bailiwick tenant domain add acme app.acme.example
  bailiwick tenant domain add acme app.acme.example --json | jq -r .token`,
	}, nothingSet, func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, host string, was catalog.Domain) (catalog.Domain, bool, error) {
		d, err := c.AddDomain(ctx, ref, host)
		return d, was.Host != "", err
	}, writeDomain)
}

func newDomainVerifyCommand() *cobra.Command {
	var prover domains.Prover
	var cmd *cobra.Command
	cmd = domainCommand(&cobra.Command{
		Use:   "verify SLUG HOST",
		Short: "Look for the proof that a host name is a tenant's",
		Long: `verify looks for the proof in DNS and at the host, and routes the host to the
tenant from then on. A host that points at the service already is proven by DNS.

Exit status: 0 when it is proven, 1 when it is not, or nobody could look, 2 when the
command line is wrong.`,
		Example: `  bailiwick tenant domain verify acme app.acme.example
  bailiwick tenant domain verify acme app.acme.example --resolver 192.0.2.53:53`,
	}, func(config *catalog.Config) {
		prover.Resolver = cmp.Or(prover.Resolver, os.Getenv("DOMAIN_RESOLVER"))
		if private, err := strconv.ParseBool(os.Getenv("DOMAIN_PRIVATE")); err == nil {
			prover.Private = prover.Private || private
		}
		config.Domains.Prover = &prover
	},
		func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, host string, was catalog.Domain) (catalog.Domain, bool, error) {
			d, err := c.VerifyDomain(ctx, ref, host)
			if err == nil && !slices.Contains(strings.Split(os.Getenv("TENANT_FROM"), ","), "domain") {
				cmd.PrintErrln("note: it is served where the service's TENANT_FROM has domain, which nobody can see from here")
			}
			return d, !was.VerifiedAt.IsZero(), err
		}, writeDomain)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if !isAddress(prover.Resolver) {
			return usagef(cmd, "--resolver is host:port, such as 192.0.2.53:53, and was %q", prover.Resolver)
		}
		if !isAddress(os.Getenv("DOMAIN_RESOLVER")) {
			return usagef(cmd, "DOMAIN_RESOLVER is host:port, such as 192.0.2.53:53, and was %q", os.Getenv("DOMAIN_RESOLVER"))
		}
		return nil
	}
	cmd.Flags().StringVar(&prover.Resolver, "resolver", "", "ask this DNS server, an address with a port (default: DOMAIN_RESOLVER, or the system's)")
	cmd.Flags().BoolVar(&prover.Private, "private", false, "also connect to hosts whose addresses are not public (default: DOMAIN_PRIVATE)")
	completeFlag(cmd, "resolver", completeNone)
	return cmd
}

// isAddress tells whether a text is a host with a port, or empty.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	return text == "" || err == nil && port != ""
}

func newDomainRemoveCommand() *cobra.Command {
	return domainCommand(&cobra.Command{
		Use:   "remove SLUG HOST",
		Short: "Give up a host name of a tenant",
		Long: `remove gives up a tenant's claim to a host name: it leads to the tenant no more, on
every server within a second, and is free for whoever proves it.

Exit status: 0 when it is given up, 1 when it is not, 2 when the command line is
wrong.`,
		Example: `  bailiwick tenant domain remove acme app.acme.example`,
	}, nothingSet, func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, host string, was catalog.Domain) (catalog.Domain, bool, error) {
		return was, false, c.RemoveDomain(ctx, ref, host)
	}, func(w io.Writer, slug string, d catalog.Domain) error {
		_, err := fmt.Fprintf(w, "%s is no domain of %s any more\n", d.Host, slug)
		return wrapPrint(err)
	})
}

func newDomainListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [SLUG]",
		Short: "List host names of a tenant, or of all",
		Long: `list prints the host names that tenants have claimed, whether they are proven, and
what was wrong at the last look.

Exit status: 0 when they could be read, 1 otherwise, 2 when the command line is
wrong.`,
		Example: `  bailiwick tenant domain list
  bailiwick tenant domain list acme --json | jq -r '.[] | select(.verified_at) | .host'`,
		Args:              atMostOneArg("SLUG"),
		ValidArgsFunction: completeWith(completeTenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			return readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) error {
				var ref catalog.Ref
				if len(args) > 0 {
					ref = refOf(args[0], 0)
				}
				all, err := c.Domains(ctx, ref)
				if err != nil {
					return mendMissing(err)
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), slices.Concat([]catalog.Domain{}, all))
				}
				records, err := c.List(ctx)
				if err != nil {
					return err
				}
				return writeDomains(cmd.OutOrStdout(), all, newTenantIndex(records))
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the domains as a JSON array")
	return cmd
}

// writeDomain prints a claim, and how it is proven as long as it is not.
func writeDomain(w io.Writer, slug string, d catalog.Domain) error {
	var b strings.Builder
	fmt.Fprintf(&b, "host      %s\ntoken     %s\nclaimed   %s\nverified  %s\n", d.Host, d.Token, momentText(d.CreatedAt), orDash(momentText(d.VerifiedAt)))
	if d.VerifiedAt.IsZero() {
		fmt.Fprintf(&b, "proven by either of\n  %s.%s. TXT %q\n  http://%s%s%s, which answers with the token\nnext: bailiwick tenant domain verify %s %s\n",
			domains.Label, d.Host, d.Token, d.Host, domains.Path, d.Token, slug, d.Host)
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}

func writeDomains(w io.Writer, all []catalog.Domain, index tenantIndex) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no domains")
		return wrapPrint(err)
	}
	slices.SortStableFunc(all, func(a, b catalog.Domain) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(auditWho(a.Tenant, index), auditWho(b.Tenant, index)))
	})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HOST\tTENANT\tVERIFIED\tCHECKED\tERROR") //nolint:errcheck // tabwriter reports it at Flush
	for _, d := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.Host, auditWho(d.Tenant, index), //nolint:errcheck // likewise
			orDash(momentText(d.VerifiedAt)), orDash(momentText(d.CheckedAt)), orDash(printable(d.Error)))
	}
	return wrapPrint(t.Flush())
}
