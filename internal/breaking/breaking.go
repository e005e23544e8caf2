// Package breaking compares the API's document with what it was at a revision of
// git, and finds the changes that may break a client. A change is allowed by a
// new major version of the document, or by a line with a reason in the project's
// file of announced changes.
//
// It imports oasdiff and kin-openapi, internal/project and internal/diag, and
// runs git. Nothing is written.
package breaking

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// The stable names of the rules that are not oasdiff's own.
const (
	ruleDocument = "openapi"
	ruleReason   = "announced-without-reason"
)

// Check compares the document in the project's folder with the one at the
// revision base, both as git knows the folder. Breaking changes are findings
// whose rule is oasdiff's; the allowed ones say why. An error means that there
// is nothing to compare with where there ought to be.
func Check(ctx context.Context, p *project.Project, base string) (diag.List, error) {
	before, err := documentAt(ctx, p, base)
	if err != nil || before == nil {
		return nil, err
	}
	after, err := os.ReadFile(p.Abs(p.OpenAPI))
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	announced, found, err := readAnnounced(p)
	if err != nil {
		return nil, err
	}
	c := &comparison{file: p.OpenAPI, announcedFile: p.Announced, base: base, announced: announced, found: found}
	if c.load(before, after); c.before == nil || c.after == nil {
		return c.found, nil
	}
	changes, err := c.changes()
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		c.report(change)
	}
	c.found.Sort()
	return c.found, nil
}

// comparison is the state of one run.
type comparison struct {
	file, announcedFile, base string
	announced                 map[string]string // reasons, by the text of the change
	before, after             *load.SpecInfo
	found                     diag.List
}

// load reads both documents. What is wrong with one is a finding.
func (c *comparison) load(before, after []byte) {
	var err error
	if c.after, err = parse(after, c.file); err != nil {
		c.found = append(c.found, diag.Diagnostic{
			File: c.file, Rule: ruleDocument, Message: "the document can't be read: " + oneLine(err), Mend: "mend it; bailiwick generate says where",
		})
	}
	if c.before, err = parse(before, c.file); err != nil {
		c.found = append(c.found, diag.Diagnostic{
			File: c.file, Rule: ruleDocument, Message: fmt.Sprintf("the document of %s can't be read: %s", c.base, oneLine(err)),
			Mend: "name a revision with --base whose document is whole",
		})
	}
}

// parse flattens what is written in different ways and means one thing.
func parse(text []byte, file string) (*load.SpecInfo, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true // lines
	return load.NewSpecInfoFromData(loader, text, file, load.WithFlattenAllOf(), load.WithFlattenParams())
}

func (c *comparison) changes() (checker.Changes, error) {
	report, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), c.before, c.after)
	if err != nil {
		return nil, fmt.Errorf("compare %s with that of %s: %w", c.file, c.base, err)
	}
	return checker.CheckBackwardCompatibilityUntilLevel(checker.NewConfig(checker.GetAllChecks()), report, sources, checker.WARN), nil
}

func (c *comparison) report(change checker.Change) {
	localize := checker.NewDefaultLocalizer()
	text := place(change) + " " + change.GetUncolorizedText(localize)
	d := diag.Diagnostic{File: c.file, Line: c.line(change), Rule: change.GetId(), Message: text}
	version := compareVersions(c.before.GetVersion(), c.after.GetVersion())
	switch reason, announced := c.announced[announcement(text)]; {
	case announced:
		d.Allowed = reason
	case version.raised:
		d.Allowed = fmt.Sprintf("info.version went from %s to %s", c.before.GetVersion(), c.after.GetVersion())
	default:
		d.Mend = "keep what clients rely on; or " + version.mend + "; or write it, up to its [rule], to " + c.announcedFile + ", with # and the reason at its end"
		if comment := change.GetComment(localize); comment != "" {
			d.Mend += ". " + strings.TrimSuffix(oneLineText(comment), ".")
		}
	}
	c.found = append(c.found, d)
}

// place is where in the API a change is, and how a line that announces it begins.
func place(change checker.Change) string {
	if component, ok := change.(checker.ComponentChange); ok {
		return "components/" + component.Component
	}
	if change.GetPath() != "" {
		return change.GetOperation() + " " + change.GetPath()
	}
	return change.GetSection()
}

// line is of the document as it is now: of the change, else of its operation,
// else of its path; 0 when all of that is gone.
func (c *comparison) line(change checker.Change) int {
	if source := change.GetRevisionSource(); source != nil && source.Line > 0 {
		return source.Line
	}
	if c.after.Spec.Paths == nil {
		return 0
	}
	item := c.after.Spec.Paths.Find(change.GetPath())
	if item == nil {
		return 0
	}
	if operation := item.Operations()[change.GetOperation()]; operation != nil && operation.Origin != nil && operation.Origin.Key != nil {
		return operation.Origin.Key.Line
	}
	if item.Origin != nil && item.Origin.Key != nil {
		return item.Origin.Key.Line
	}
	return 0
}

func oneLine(err error) string { return oneLineText(err.Error()) }

func oneLineText(text string) string { return strings.Join(strings.Fields(text), " ") }
