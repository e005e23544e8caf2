//go:build cgo

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/project"
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
the handlers. What is wrong is reported in one go, but for what another
mistake hides, and the outputs are replaced only when nothing is.

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
			if err != nil && cmd.Context().Err() != nil {
				return calm(cmd, err)
			}
			return reportGenerated(cmd.OutOrStdout(), dir, result, err, asJSON, check)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print outputs and findings as JSON")
	cmd.Flags().BoolVar(&check, "check", false, "change nothing, and fail if the outputs would change")
	return cmd
}

// reportGenerated prints the outcome and turns it into an exit status.
func reportGenerated(w io.Writer, dir string, result *codegen.Result, err error, asJSON, check bool) error {
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
		if err := writeJSON(w, out); err != nil {
			return err
		}
	} else if err := printGenerated(w, dir, out, check); err != nil {
		return err
	}
	if err != nil || (check && result.Changed()) {
		return exitError{1}
	}
	return nil
}

func printGenerated(w io.Writer, dir string, out generated, check bool) error {
	if err := out.Diagnostics.Write(w); err != nil {
		return fmt.Errorf("print the findings: %w", err)
	}
	if n := len(out.Diagnostics.Errors()); n > 0 {
		_, err := fmt.Fprintf(w, "%s; nothing was changed\n", plural(n, "error"))
		return wrapPrint(err)
	}
	stale := false
	for _, o := range out.Outputs {
		state := "unchanged"
		stale = stale || check && len(o.Changed) > 0
		switch {
		case len(o.Changed) > 0 && check:
			state = plural(len(o.Changed), "file") + " would change"
		case len(o.Changed) > 0:
			state = plural(len(o.Changed), "file") + " changed"
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", fromHere(dir, o.Dir), state); err != nil {
			return wrapPrint(err)
		}
	}
	if stale {
		if _, err := fmt.Fprintln(w, "\tmend: run `go generate ./...`, and commit what it changes"); err != nil {
			return wrapPrint(err)
		}
	}
	if lacksClientModule(dir) {
		_, err := fmt.Fprintln(w, "run `go mod tidy`: the client needs modules that go.mod does not require yet")
		return wrapPrint(err)
	}
	return nil
}

// fromHere is a path of the project as seen from the working directory, so that
// what is said of several projects can be told apart.
func fromHere(dir, path string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return path
	}
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, abs)
	if err != nil {
		return path
	}
	return filepath.ToSlash(filepath.Join(rel, path))
}

// clientModule is what only Bailiwick's package client needs, so that a project
// without a generated client does not require it.
const clientModule = "github.com/hashicorp/go-retryablehttp"

// lacksClientModule tells whether the project's client will not build for want
// of a module. What can't be read here has been reported before.
func lacksClientModule(dir string) bool {
	p, err := project.Load(dir)
	if err != nil || p.Client == "" {
		return false
	}
	for folder := p.Root; ; folder = filepath.Dir(folder) {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil {
			return !bytes.Contains(text, []byte(clientModule+" "))
		}
		if folder == filepath.Dir(folder) {
			return false
		}
	}
}

func wrapPrint(err error) error {
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}
