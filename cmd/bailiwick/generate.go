//go:build cgo

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// generated is what `generate --json` prints.
type generated struct {
	Outputs     []codegen.Output `json:"outputs"`
	Diagnostics diag.List        `json:"diagnostics"`
}

func newGenerateCommand() *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Generate the project's Go from its SQL and its API document",
		Long: `generate lints the SQL, runs sqlc and oapi-codegen, and writes the facades and
the handlers. Everything that is wrong is reported at once, and the outputs are
replaced only when nothing is.

Exit status: 0 when the outputs are in place, 1 when something is wrong or, with
--check, when the outputs are not what they would be; 2 when the command line is
wrong.`,
		Example: `  bailiwick generate
  bailiwick generate --check
  bailiwick generate --json | jq -r '.outputs[].changed[]'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := projectDir(cmd)
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program: %w", err)
			}
			result, err := codegen.Run(cmd.Context(), codegen.Options{
				Dir: dir, SQLC: []string{self, sqlcName}, Lint: lint.Project, Check: check,
			})
			return reportGenerated(cmd.OutOrStdout(), result, err, asJSON, check)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print outputs and findings as JSON")
	cmd.Flags().BoolVar(&check, "check", false, "change nothing, and fail if the outputs would change")
	return cmd
}

// reportGenerated prints the outcome and turns it into an exit status.
func reportGenerated(w io.Writer, result *codegen.Result, err error, asJSON, check bool) error {
	out := generated{Outputs: []codegen.Output{}, Diagnostics: diag.List{}}
	var found diag.List
	if err != nil && !errors.As(err, &found) {
		return err
	}
	out.Diagnostics = append(out.Diagnostics, found...)
	if result != nil {
		out.Outputs = result.Outputs
		out.Diagnostics = append(out.Diagnostics, result.Allowed...)
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
	} else if err := printGenerated(w, out, check); err != nil {
		return err
	}
	if err != nil || (check && result.Changed()) {
		return exitError{1}
	}
	return nil
}

func printGenerated(w io.Writer, out generated, check bool) error {
	if err := out.Diagnostics.Write(w); err != nil {
		return fmt.Errorf("print the findings: %w", err)
	}
	if n := len(out.Diagnostics.Errors()); n > 0 {
		_, err := fmt.Fprintf(w, "%s; nothing was changed\n", plural(n, "error"))
		return wrapPrint(err)
	}
	for _, o := range out.Outputs {
		state := "unchanged"
		switch {
		case len(o.Changed) > 0 && check:
			state = plural(len(o.Changed), "file") + " would change"
		case len(o.Changed) > 0:
			state = plural(len(o.Changed), "file") + " changed"
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", o.Dir, state); err != nil {
			return wrapPrint(err)
		}
	}
	return nil
}

func wrapPrint(err error) error {
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}
