//go:build cgo

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan/planfile"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

func newLintCommand() *cobra.Command {
	var asJSON, listRules bool
	var only []string
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Refuse SQL and Go that could leave a tenant",
		Long: `lint reads every schema, query and plan file of the project on PostgreSQL's own
grammar, and the project's Go files, and refuses what could reach another
tenant's data: other schemas, changes of role or search_path, DDL, system
catalogs, shared channels and locks, SQL from strings, linkname and unsafe.

The only way round a rule is a comment directly above or inside the statement,
with a reason. It is listed in every run:

  -- bailiwick:allow catalog-lookup the type's name is shown to the user

Exit status: 0 when nothing is refused, 1 otherwise, 2 when the command line is
wrong.`,
		Example: `  bailiwick lint
  bailiwick lint --json | jq '.[] | select(.allowed)'
  bailiwick lint --rule foreign-schema,session-settings
  bailiwick lint --rules`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listRules {
				return writeRules(cmd.OutOrStdout(), asJSON)
			}
			if err := knownRules(cmd, only); err != nil {
				return err
			}
			list, looked, err := lintProject(cmd)
			if err != nil {
				return err
			}
			if len(only) > 0 {
				list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return !slices.Contains(only, d.Rule) })
			}
			return writeFindings(cmd.OutOrStdout(), list, looked, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	cmd.Flags().BoolVar(&listRules, "rules", false, "list the rules and what each refuses")
	cmd.Flags().StringSliceVar(&only, "rule", nil, "report these rules only")
	completeFlag(cmd, "rule", completeRules)
	return cmd
}

func knownRules(cmd *cobra.Command, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(lint.Rules(), func(r lint.Rule) bool { return r.Name == name }) {
			return usagef(cmd, "there is no rule %q; `bailiwick lint --rules` lists them", name)
		}
	}
	return nil
}

// lintProject turns what is wrong with the project's own files into findings,
// so that they are printed like any other, and says what was looked at.
func lintProject(cmd *cobra.Command) (list diag.List, looked string, err error) {
	p, err := loadProject(cmd)
	if list, ok := errors.AsType[diag.List](err); ok {
		return list, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	if list, err = lint.Project(p); err != nil {
		return nil, "", err
	}
	_, err = planfile.Load(p)
	if wrong, ok := errors.AsType[diag.List](err); ok {
		list, err = append(list, wrong...), nil
		list.Sort()
		list = slices.Compact(list) // both say what is wrong with the SQL
	}
	if err != nil {
		return nil, "", err
	}
	looked, err = lookedAt(p)
	return list, looked, err
}

var queryName = regexp.MustCompile(`(?m)^[ \t]*--[ \t]*name:`)

// lookedAt counts what lint reads.
func lookedAt(p *project.Project) (string, error) {
	text, err := readAll(p, p.Maintenance)
	if err != nil {
		return "", err
	}
	queries, schema := len(queryName.FindAllString(text, -1)), map[string]bool{}
	for _, scope := range p.Scopes() {
		text, err := readAll(p, scope.Queries)
		if err != nil {
			return "", err
		}
		queries += len(queryName.FindAllString(text, -1))
		for _, file := range scope.Schema {
			schema[file] = true
		}
	}
	return plural(queries, "query") + " and " + plural(len(schema), "schema file"), nil
}

// writeFindings prints a run's findings, or what was looked at when none is an
// error, and turns errors into status 1.
func writeFindings(w io.Writer, list diag.List, looked string, asJSON bool) error {
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
	errs := len(list.Errors())
	if !asJSON {
		if err := writeSummary(w, looked, errs, len(list)-errs); err != nil {
			return err
		}
	}
	if errs > 0 {
		return exitError{status: 1}
	}
	return nil
}

func writeSummary(w io.Writer, looked string, errs, allowed int) error {
	line := looked + ": fine"
	switch {
	case errs > 0:
		line = plural(errs, "error")
	case allowed > 0:
		line += ", with " + plural(allowed, "finding") + " allowed"
	}
	_, err := fmt.Fprintln(w, line)
	return wrapPrint(err)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(behind(w))
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
