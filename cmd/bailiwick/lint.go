package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

func newLintCommand() *cobra.Command {
	var asJSON, listRules bool
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Refuse SQL and Go that could leave a tenant",
		Long: `lint reads every schema and query file of the project on PostgreSQL's own
grammar, and the project's Go files, and refuses what could reach another
tenant's data: other schemas, changes of role or search_path, DDL, system
catalogs, shared channels and locks, SQL from strings, linkname and unsafe.

The only way round a rule is a comment directly above or inside the statement,
with a reason. It is listed in every run:

  -- bailiwick:allow catalog-lookup the type's name is shown to the user

Exit status: 0 when nothing is refused, 1 otherwise.`,
		Example: `  bailiwick lint
  bailiwick lint --json | jq '.[] | select(.allowed)'
  bailiwick lint --rules`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listRules {
				return writeRules(cmd.OutOrStdout(), asJSON)
			}
			list, err := lintProject(cmd)
			if err != nil {
				return err
			}
			return writeFindings(cmd.OutOrStdout(), list, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	cmd.Flags().BoolVar(&listRules, "rules", false, "list the rules and what each refuses")
	return cmd
}

// lintProject turns what is wrong with the project's own files into findings,
// so that they are printed like any other.
func lintProject(cmd *cobra.Command) (diag.List, error) {
	p, err := loadProject(cmd)
	if list, ok := errors.AsType[diag.List](err); ok {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	return lint.Project(p)
}

// loadProject loads the project that the root's --dir names.
func loadProject(cmd *cobra.Command) (*project.Project, error) {
	dir, err := cmd.Flags().GetString("dir")
	if err != nil {
		return nil, fmt.Errorf("read --dir: %w", err)
	}
	return project.Load(dir)
}

// writeFindings prints a run's findings and turns refused ones into status 1.
func writeFindings(w io.Writer, list diag.List, asJSON bool) error {
	if asJSON {
		if list == nil {
			list = diag.List{}
		}
		if err := writeJSON(w, list); err != nil {
			return err
		}
	} else if err := list.Write(w); err != nil {
		return err
	}
	if len(list.Errors()) > 0 {
		return exitError{status: 1}
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func writeRules(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, lint.Rules())
	}
	for _, r := range lint.Rules() {
		if _, err := fmt.Fprintf(w, "%-26s %s\n", r.Name, r.Doc); err != nil {
			return fmt.Errorf("write rules: %w", err)
		}
	}
	return nil
}
