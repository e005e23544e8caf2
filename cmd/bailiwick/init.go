//go:build cgo

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/scaffold"
)

func newInitCommand() *cobra.Command {
	var o scaffold.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a new project that generates, tests and serves at once",
		Long: `init makes a project in a folder that does not exist, or that holds nothing but
perhaps .git: an API of six operations, the schema of every tenant and the
shared one, queries, the code generated from them, a server with handlers
written by hand, tests, a CI workflow, a Dockerfile and a description for Cloud
Run. It is an example that works, for you to replace piece by piece.

The project requires the release of Bailiwick that this program is. A program
that was built from a checkout makes it use the checkout, by a replace directive
in go.mod; --bailiwick names another one.

Nothing is left when something fails.

Exit status: 0 when the project is there, 1 when it is not, 2 when the command
line is wrong.`,
		Example: `  bailiwick init notes
  bailiwick init notes --module github.com/acme/notes --name acme-notes
  bailiwick init notes --json | jq -r '.files[]'`,
		Args: oneArg("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("dir") {
				return usagef(cmd, "--dir is for a project that exists; name the new one's folder as the argument")
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			o.Dir, o.SQLC = args[0], []string{self, sqlcName}
			made, err := scaffold.Init(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), made)
			}
			return writeNextSteps(cmd.OutOrStdout(), args[0], made)
		},
	}
	cmd.Flags().StringVar(&o.Module, "module", "", "the path of the Go module (default: example.com/ and the name)")
	cmd.Flags().StringVar(&o.Name, "name", "", "the service's name (default: that of the folder)")
	cmd.Flags().StringVar(&o.Bailiwick, "bailiwick", "", "a checkout of Bailiwick to use in place of a release")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was made as a JSON object")
	completeFlag(cmd, "module", completeNone)
	completeFlag(cmd, "name", completeNone)
	return cmd
}

func writeNextSteps(w io.Writer, dir string, made *scaffold.Result) error {
	_, err := fmt.Fprintf(w, `%s: %s, module %s, with Bailiwick %s

Next:
  cd %s
  go run ./server     # two demo tenants, with tokens to try them
  go test ./...       # each test on a database of its own
  git init && git add -A && git commit -m "Begin"

README.md tells where is what.
`, filepath.Clean(dir), plural(len(made.Files), "file"), made.Module, made.Bailiwick, quoteShell(filepath.Clean(dir)))
	return wrapPrint(err)
}

// quoteShell writes a folder's name so that a shell takes it as one word.
func quoteShell(name string) string {
	if strings.ContainsAny(name, " \t\n'\"\\$`&;|<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
