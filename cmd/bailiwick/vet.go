//go:build cgo

package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/bailiwick-dev/bailiwick/internal/vet"
)

func newVetCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "vet [PACKAGES]",
		Short: "Refuse Go by which a query could leave its tenant",
		Long: `vet type-checks Go packages, ./... unless others are named, and refuses

  go-database           connections of one's own: pgx, pgxpool, pgconn, database/sql
  go-querier-kept       a querier in a struct, a package variable, a channel or a map
  go-querier-goroutine  a querier in a started goroutine or an HTTP handler
  go-...                what lint refuses in Go files: unsafe, linkname, cgo, assembly,
                        and files written by hand among generated ones

Tests and generated code may open connections, and packages that bailiwick.yaml
lists, relative to the project; what only reads rows or errors is never refused:

  vet: {database: [internal/import, tools/...]}

The only other way round a rule is a comment with a reason, on the line or the one
above it. It is listed in every run:

  //bailiwick:allow go-querier-goroutine Wait comes before the handler returns

The program is a tool for go vet as well, which caches what it has seen.

Exit status: 0 when nothing is refused, 1 otherwise, or when there is no such package, 2 when the command line is
wrong.`,
		Example: `  bailiwick vet
  bailiwick vet ./server/... ./tools/report
  bailiwick vet --json | jq '.[] | select(.allowed)'
  go vet -vettool="$(which bailiwick)" ./... # with bailiwick installed`,
		RunE: func(cmd *cobra.Command, args []string) error {
			bare := len(args) == 0
			if bare {
				args = []string{"./..."}
			}
			dir, err := givenDir(cmd)
			if err != nil {
				return err
			}
			list, looked, err := vet.Run(cmd.Context(), dir, args)
			if _, none := errors.AsType[vet.NoMatchError](err); none && bare {
				if _, outside := projectDir(cmd); outside != nil {
					return outside
				}
			}
			if err != nil {
				return calm(cmd, err)
			}
			return writeFindings(cmd.OutOrStdout(), list, plural(looked, "package"), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	return cmd
}

// vetTool runs the analyzers as go vet's tool when it is go vet that calls: it
// asks for -V=full and -flags, and then gives a file that describes a package.
func vetTool(args []string) {
	asked := len(args) == 1 && slices.Contains([]string{"-V=full", "-flags"}, args[0])
	if asked || len(args) > 0 && strings.HasSuffix(args[len(args)-1], ".cfg") {
		unitchecker.Main(vet.Analyzers()...) // It ends the process.
	}
}
