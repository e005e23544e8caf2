//go:build cgo

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newTenantIssuerCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use:   "issuer",
		Short: "Who issues tokens for one tenant alone",
		Long: `issuer works on OpenID Connect issuers that speak for one tenant, beside the one
that the service shares among all: a customer's own identity provider. Its tokens
are taken for that tenant and for no other.`,
		Example: `  bailiwick tenant issuer add acme https://login.acme.example --audience notes
  bailiwick tenant issuer list acme`,
	})
	cmd.AddCommand(newIssuerAddCommand(), newIssuerRemoveCommand(), newIssuerListCommand())
	return cmd
}

// issuerCommand completes a command that is for one issuer of one tenant. What do
// returns is printed, but for an issuer that is gone.
func issuerCommand(cmd *cobra.Command, given *catalog.Issuer, do func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, i catalog.Issuer) (is catalog.Issuer, already bool, err error), said string) *cobra.Command {
	var asJSON bool
	cmd.Args = twoArgs("SLUG", "ISSUER")
	cmd.ValidArgsFunction = completeWith(completeTenants)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given.Issuer = args[1]
		return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error {
			i, already, err := do(ctx, c, refOf(args[0], 0), *given)
			if err != nil {
				return err
			}
			noteAlready(cmd, args[0], already)
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), struct {
					catalog.Issuer

					Already bool `json:"already"`
				}{i, already})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s, for %s, "+said+"\n", i.Issuer, i.Audience, args[0])
			return wrapPrint(err)
		})
	}
	cmd.Flags().StringVar(&given.Audience, "audience", "", "the audience of its tokens, which says that they are for this service")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the issuer as a JSON object")
	completeFlag(cmd, "audience", completeNone)
	return require(cmd, "audience")
}

func newIssuerAddCommand() *cobra.Command {
	var i catalog.Issuer
	cmd := issuerCommand(&cobra.Command{
		Use:   "add SLUG ISSUER",
		Short: "Take the tokens of an issuer for a tenant",
		Long: `add takes tokens of an issuer, which is named by its URL, for one tenant. Its keys
are found by discovery, or at --jwks-url. An issuer with one audience speaks for one
tenant only. To add it again changes nothing.

Exit status: 0 when it is added, 1 when it is not, 2 when the command line is wrong.`,
		Example: `  bailiwick tenant issuer add acme https://login.acme.example --audience notes`,
	}, &i, func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, i catalog.Issuer) (catalog.Issuer, bool, error) {
		_, already, err := issuerOf(ctx, c, ref, i)
		if err == nil {
			i, err = c.AddIssuer(ctx, ref, i)
		}
		return i, already, mendMissing(err)
	}, "speaks for %s")
	cmd.Flags().StringVar(&i.JWKSURL, "jwks-url", "", "where its keys are (default: as discovery says)")
	completeFlag(cmd, "jwks-url", completeNone)
	return cmd
}

func newIssuerRemoveCommand() *cobra.Command {
	return issuerCommand(&cobra.Command{
		Use:   "remove SLUG ISSUER",
		Short: "Take no more tokens of an issuer for a tenant",
		Long: `remove ends that an issuer speaks for a tenant: its tokens are refused from then on,
on every server within a second.

Exit status: 0 when it is removed, 1 when it is not, 2 when the command line is
wrong.`,
		Example: `  bailiwick tenant issuer remove acme https://login.acme.example --audience notes`,
	}, new(catalog.Issuer), func(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, i catalog.Issuer) (catalog.Issuer, bool, error) {
		was, found, err := issuerOf(ctx, c, ref, i)
		if err != nil {
			return i, false, mendMissing(err)
		}
		if !found {
			return i, false, fmt.Errorf("the tenant has no issuer %s with audience %s\n\tmend: `bailiwick tenant issuer list %s` shows those that it has", i.Issuer, i.Audience, called(ref))
		}
		return was, false, c.RemoveIssuer(ctx, ref, i.Issuer, i.Audience)
	}, "does not speak for %s any more")
}

// issuerOf is a tenant's issuer of a name and an audience, if it has it.
func issuerOf(ctx context.Context, c *catalog.Catalog, ref catalog.Ref, i catalog.Issuer) (is catalog.Issuer, found bool, err error) {
	all, err := c.Issuers(ctx, ref)
	at := slices.IndexFunc(all, func(o catalog.Issuer) bool { return o.Issuer == i.Issuer && o.Audience == i.Audience })
	if at < 0 {
		return is, false, err
	}
	return all[at], true, err
}

func newIssuerListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list SLUG",
		Short: "List the issuers of a tenant's own",
		Long: `list prints the issuers that speak for one tenant alone.

Exit status: 0 when they could be read, 1 otherwise, 2 when the command line is
wrong.`,
		Example: `  bailiwick tenant issuer list acme
  bailiwick tenant issuer list acme --json | jq -r '.[].issuer'`,
		Args:              oneArg("SLUG"),
		ValidArgsFunction: completeWith(completeTenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			return readCatalog(cmd, func(ctx context.Context, c *catalog.Catalog) error {
				all, err := c.Issuers(ctx, refOf(args[0], 0))
				if err != nil {
					return mendMissing(err)
				}
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), slices.Concat([]catalog.Issuer{}, all))
				}
				return writeIssuers(cmd.OutOrStdout(), all)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the issuers as a JSON array")
	return cmd
}

func writeIssuers(w io.Writer, all []catalog.Issuer) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "no issuers of its own")
		return wrapPrint(err)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ISSUER\tAUDIENCE\tKEYS") //nolint:errcheck // tabwriter reports it at Flush
	for _, i := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\n", printable(i.Issuer), printable(i.Audience), orDash(printable(i.JWKSURL))) //nolint:errcheck // likewise
	}
	return wrapPrint(t.Flush())
}
