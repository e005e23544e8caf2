// Package diag holds the one form in which the generator, the linter and the
// checker report what is wrong with a project: where, what, and the mend.
// It imports the standard library only.
package diag

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Diagnostic is one finding in a file of the project.
type Diagnostic struct {
	// File is the path relative to the project's root, with forward slashes.
	File string `json:"file"`
	// Line and Column count from 1; zero means unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Rule is the stable name of what was violated, such as "unknown-query".
	Rule string `json:"rule"`
	// Subject is the property, parameter, query or operation concerned.
	Subject string `json:"subject,omitempty"`
	// Message says what is wrong, in one sentence without a full stop.
	Message string `json:"message"`
	// Mend says what to do about it.
	Mend string `json:"mend,omitempty"`
	// Allowed is the written reason of a "bailiwick:allow" comment that
	// permits the finding; empty means that it is an error.
	Allowed string `json:"allowed,omitempty"`
}

// String gives file:line:column, rule, subject, message and, on a second line, the mend.
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.File)
	if d.Line > 0 {
		fmt.Fprintf(&b, ":%d", d.Line)
	}
	if d.Line > 0 && d.Column > 0 {
		fmt.Fprintf(&b, ":%d", d.Column)
	}
	b.WriteString(": ")
	if d.Subject != "" {
		b.WriteString(d.Subject + ": ")
	}
	fmt.Fprintf(&b, "%s [%s]", d.Message, d.Rule)
	if d.Allowed != "" {
		b.WriteString("\n\tallowed: " + d.Allowed)
	} else if d.Mend != "" {
		b.WriteString("\n\tmend: " + d.Mend)
	}
	return b.String()
}

// List is all findings of one run. As an error it prints every one of them.
type List []Diagnostic //nolint:errname // It is a list first, and an error when it holds some.

// Error implements error.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Sort orders the findings by file, line, column and rule.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule),
		)
	})
}

// Errors returns the findings that nothing allows.
func (l List) Errors() List {
	return slices.DeleteFunc(slices.Clone(l), func(d Diagnostic) bool { return d.Allowed != "" })
}

// Allowed returns the findings that a written reason permits.
func (l List) Allowed() List {
	return slices.DeleteFunc(slices.Clone(l), func(d Diagnostic) bool { return d.Allowed == "" })
}

// Err returns the errors of the list as an error, or nil when there are none.
func (l List) Err() error {
	if errs := l.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

// Write prints the findings one after another, sorted.
func (l List) Write(w io.Writer) error {
	sorted := slices.Clone(l)
	sorted.Sort()
	for _, d := range sorted {
		if _, err := fmt.Fprintln(w, d); err != nil {
			return fmt.Errorf("write diagnostics: %w", err)
		}
	}
	return nil
}
