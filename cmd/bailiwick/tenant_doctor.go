//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func newTenantDoctorCommand() *cobra.Command {
	var mend, asJSON bool
	var drop string
	cmd := &cobra.Command{
		Use:   "doctor [SLUG]",
		Short: "Find tenants that are not whole, and what is left of others; mend it",
		Long: `doctor compares the registry with the schemas and roles of the database, and looks
for hooks that have not heard of a step, for events of billing that can't be
applied, for tenants whose grace is over, and for those that have missed a rollout. It changes nothing. With SLUG it looks at one
tenant.

--mend mends what can be mended without a loss and in one way only, each in a
transaction with its entry in the audit. For the rest it says what to do.

--drop deletes an event of billing that can't be applied, by its id, with an entry
in the audit, and does nothing else.

"bailiwick doctor" looks at the project, at the database and its roles, and at
whether its parts fit together; this one knows the life of tenants.

Exit status: 0 when there is no trouble, or none is left, 1 when there is, 2 when
the command line is wrong.`,
		Example: `  bailiwick tenant doctor
  bailiwick tenant doctor acme
  bailiwick tenant doctor --mend
  bailiwick tenant doctor --json | jq '.[] | select(.mendable | not)'`,
		Args:              atMostOneArg("SLUG"),
		ValidArgsFunction: completeWith(completeTenants),
		RunE: func(cmd *cobra.Command, args []string) error {
			if drop != "" {
				if len(args) > 0 {
					return usagef(cmd, "--drop is for an event by its id, whosever it is: leave %s out", args[0])
				}
				return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error { return c.DropEvent(ctx, drop) })
			}
			do := func(ctx context.Context, c *catalog.Catalog) error { return treat(ctx, cmd, c, args, mend, asJSON) }
			if mend {
				return operate(cmd, do)
			}
			return inspect(cmd, do)
		},
	}
	cmd.Flags().BoolVar(&mend, "mend", false, "mend what can be mended")
	cmd.Flags().StringVar(&drop, "drop", "", "drop the event of this id, which can't be applied")
	completeFlag(cmd, "drop", completeNone)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what is wrong as a JSON array")
	cmd.MarkFlagsMutuallyExclusive("drop", "mend")
	cmd.MarkFlagsMutuallyExclusive("drop", "json")
	return cmd
}

// treated is a trouble and what became of it.
type treated struct {
	catalog.Trouble

	Mended bool   `json:"mended"`
	Error  string `json:"error,omitempty"`
}

// troublesOf are those of the tenant that is named, or all.
func troublesOf(ctx context.Context, c *catalog.Catalog, args []string) ([]catalog.Trouble, error) {
	all, err := c.Doctor(ctx)
	if err != nil || len(args) == 0 {
		return all, err
	}
	r, err := c.Find(ctx, refOf(args[0], 0))
	others := func(t catalog.Trouble) bool { return t.Schema != r.Schema }
	return slices.DeleteFunc(all, others), mendMissing(err)
}

func treat(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, args []string, mend, asJSON bool) error {
	troubles, err := troublesOf(ctx, c, args)
	if err != nil {
		return err
	}
	list, left := []treated{}, 0
	for _, t := range troubles {
		now := treated{Trouble: t}
		if mend && t.Mendable {
			if err := c.Mend(ctx, t); err != nil {
				now.Error = err.Error()
			} else {
				now.Mended = true
			}
		}
		if !now.Mended {
			left++
		}
		list = append(list, now)
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), list)
	} else {
		err = writeTroubles(cmd.OutOrStdout(), list, left, mend)
	}
	if left > 0 {
		return errors.Join(err, exitError{1})
	}
	return err
}

func writeTroubles(w io.Writer, list []treated, left int, mend bool) error {
	var b strings.Builder
	mendable := 0
	for _, t := range list {
		fmt.Fprintf(&b, "%s: %s [%s]\n", cmp.Or(t.Slug, t.Schema, "-"), t.Message, t.Kind)
		switch {
		case t.Mended:
			b.WriteString("\tmended\n")
		case t.Error != "":
			fmt.Fprintf(&b, "\tnot mended: %s\n", t.Error)
		default:
			fmt.Fprintf(&b, "\tmend: %s\n", t.Mend)
		}
		if t.Mendable {
			mendable++
		}
	}
	switch {
	case len(list) == 0:
		b.WriteString("no trouble\n")
	case mend:
		fmt.Fprintf(&b, "%d of %s mended\n", len(list)-left, plural(len(list), "trouble"))
	case mendable > 0:
		fmt.Fprintf(&b, "%s\nnext: bailiwick tenant doctor --mend, which mends %d\n", plural(len(list), "trouble"), mendable)
	default:
		fmt.Fprintf(&b, "%s\n", plural(len(list), "trouble"))
	}
	_, err := io.WriteString(w, b.String())
	return wrapPrint(err)
}
