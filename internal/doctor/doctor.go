// Package doctor looks at a project and at a database and says what is fine,
// what is not, and what to change. It changes nothing in either.
//
// Each file holds one area and its table of checks. The package imports the
// standard library, pgx, golang.org/x/mod, the packages tenant, tenant/catalog
// and tenant/harden, and internal/codegen, internal/lint, internal/project and
// internal/diag.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Status is the outcome of one check.
type Status string

// The outcomes.
const (
	OK   Status = "ok"
	Warn Status = "warn" // It works, but not as well or as safely as it could.
	Fail Status = "fail" // It does not work, or tenants are not kept apart.
	Skip Status = "skip" // It was not looked at; the message says why.
)

// Finding is what one check found.
type Finding struct {
	Area    string `json:"area"`
	Check   string `json:"check"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	// Mend says what to change, as SQL or as a setting where there is one.
	Mend string `json:"mend,omitempty"`
}

// Report is all findings, in the order of the checks.
type Report []Finding

// Failed tells whether a check failed.
func (r Report) Failed() bool { return r.count(Fail) > 0 }

func (r Report) count(s Status) (n int) {
	for _, f := range r {
		if f.Status == s {
			n++
		}
	}
	return n
}

// Options say what to look at.
type Options struct {
	// Dir is the project's folder; empty leaves the project out.
	Dir string
	// Version is the tool's own, and SQLC the command that behaves as sqlc's.
	Version string
	SQLC    []string
	// URL and OwnerURL are the connection strings of the runtime and the owner
	// role. One of them is enough for most checks; without both the database
	// is left out.
	URL, OwnerURL string
	// Flags tells that they were given as --url and --owner-url.
	Flags bool
	// MaxConns is the size of a service's pool, and Unnamed whether it works
	// without named prepared statements.
	MaxConns int
	Unnamed  bool
}

// names are what whoever gave the connection strings calls them.
func (o Options) names() (url, ownerURL string) {
	if o.Flags {
		return "--url", "--owner-url"
	}
	return "DATABASE_URL", "DATABASE_OWNER_URL"
}

// Run makes all checks. What goes wrong in a check is its finding.
func Run(ctx context.Context, o Options) Report {
	var report Report
	if o.Dir != "" {
		report = append(report, examineProject(ctx, o)...)
	}
	if o.URL != "" || o.OwnerURL != "" {
		report = append(report, examineDatabase(ctx, o)...)
	}
	return report
}

// outcome is what a check returns; the table adds its area and name.
type outcome struct {
	status        Status
	message, mend string
}

func okf(format string, args ...any) []outcome {
	return []outcome{{OK, fmt.Sprintf(format, args...), ""}}
}

func warnf(mend, format string, args ...any) []outcome {
	return []outcome{{Warn, fmt.Sprintf(format, args...), mend}}
}

func failf(mend, format string, args ...any) []outcome {
	return []outcome{{Fail, fmt.Sprintf(format, args...), mend}}
}

func skipf(format string, args ...any) []outcome {
	return []outcome{{Skip, fmt.Sprintf(format, args...), ""}}
}

// orOK is the problems, or else that there are none.
func orOK(problems []outcome, format string, args ...any) []outcome {
	if len(problems) > 0 {
		return problems
	}
	return okf(format, args...)
}

// findings gives outcomes their place. An error of a check is a failure.
func findings(area, check string, outcomes []outcome, err error) []Finding {
	if err != nil {
		outcomes = failf("", "could not be checked: %s", oneLine(err))
	}
	list := make([]Finding, len(outcomes))
	for i, o := range outcomes {
		list[i] = Finding{area, check, o.status, o.message, o.mend}
	}
	return list
}

// oneLine says once what pgx says of every attempt to connect.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		line = strings.Join(strings.Fields(line), " ")
		if line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

func oneLineText(text string) string { return strings.Join(strings.Fields(text), " ") }

// Write prints the report for people, and a line that counts.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	area := ""
	for _, f := range r {
		if f.Area != area {
			area = f.Area
			fmt.Fprintf(&b, "%s\n", area)
		}
		fmt.Fprintf(&b, "  %-4s  %-18s %s\n", f.Status, f.Check, f.Message)
		for line := range strings.Lines(f.Mend) {
			fmt.Fprintf(&b, "        mend: %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	fmt.Fprintf(&b, "%d fine, %d to look at, %d wrong\n", r.count(OK), r.count(Warn), r.count(Fail))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return errors.Join(errors.New("write the report"), err)
	}
	return nil
}

// sample names the first few of many, so that a fleet's report can be read.
func sample(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
