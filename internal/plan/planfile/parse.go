package planfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// The stable names of the rules.
const (
	ruleSyntax      = "syntax-error"
	ruleDirective   = "plan-directive"
	ruleFingerprint = "plan-fingerprint"
	ruleStep        = "plan-step"
	ruleStatement   = "plan-statement"
	ruleBackfill    = "plan-backfill"
	ruleDraft       = "plan-draft"
	rulePair        = "plan-twice"
)

// noReverse is why a plan file without a reverse is irreversible.
const noReverse = "the plan file has no reverse"

var fingerprintForm = regexp.MustCompile(`^f[0-9]+-[0-9a-f]{32}$`)

// Parse reads a plan file's text; name is its path, as errors show it. The plan
// is nil when anything is wrong.
func Parse(name, text string) (*plan.Plan, diag.List) {
	p := &parser{name: name, text: text, plan: &plan.Plan{Source: name}}
	for _, piece := range lint.Split(lint.File{Name: name, Text: text}) {
		if piece.Err != nil {
			p.found = append(p.found, *piece.Err)
		}
		p.comments(piece)
		if piece.End > piece.Start {
			p.statement(piece)
		}
	}
	p.finish()
	p.found.Sort()
	if len(p.found) > 0 {
		return nil, p.found
	}
	return p.plan, nil
}

// parser fills a plan from top to bottom.
type parser struct {
	name, text string
	plan       *plan.Plan
	found      diag.List
	// seen are the directives that may stand once, with their lines.
	seen map[string]int
	// reverse tells that steps go into the plan's reverse.
	reverse bool
	// steps are those of the section at hand; open tells that a statement
	// without a directive of its own joins the last one.
	steps []plan.Step
	open  bool
}

func (p *parser) reportf(line int, rule, mend, format string, args ...any) {
	p.found = append(p.found, diag.Diagnostic{
		File: p.name, Line: line, Rule: rule, Message: fmt.Sprintf(format, args...), Mend: mend,
	})
}

func (p *parser) line(offset int) int { return 1 + strings.Count(p.text[:offset], "\n") }

// comments obeys the directives before a statement, and refuses those elsewhere.
func (p *parser) comments(piece lint.Piece) {
	for _, c := range piece.Comments {
		line := p.line(c.Start)
		body, isLine := strings.CutPrefix(p.text[c.Start:c.End], "--")
		body = strings.TrimSpace(strings.TrimPrefix(body, "/*"))
		text, is := strings.CutPrefix(body, "bailiwick:")
		if !is || firstWord(text) == "allow" { // lint obeys "bailiwick:allow"
			continue
		}
		lineStart := strings.LastIndexByte(p.text[:c.Start], '\n') + 1
		switch {
		case !isLine:
			p.reportf(line, ruleDirective, "write it as a line: -- bailiwick:"+firstWord(text), "a directive in a comment of the form /* */")
		case piece.End > piece.Start && c.Start > piece.Start:
			p.reportf(line, ruleDirective, "end the statement above with a semicolon", "bailiwick:%s stands inside of a statement", firstWord(text))
		case strings.TrimSpace(p.text[lineStart:c.Start]) != "":
			p.reportf(line, ruleDirective, "give it a line of its own", "bailiwick:%s stands behind a statement", firstWord(text))
		default:
			p.directive(line, text)
		}
	}
}

func firstWord(text string) string {
	if end := strings.IndexAny(text, " \t\r"); end >= 0 {
		return text[:end]
	}
	return text
}

// statement adds a statement to the step at hand, or begins one.
func (p *parser) statement(piece lint.Piece) {
	line := p.line(piece.Start)
	if p.seen[dirPlan] == 0 {
		if p.seen["statement"] == 0 { // once is enough
			p.reportf(line, ruleStep, "begin the file with -- bailiwick:plan tenant (or public), bailiwick:from and bailiwick:to", "a statement before the plan begins")
		}
		p.once("statement", line)
		return
	}
	if !p.open {
		p.begin(plan.Step{Kind: plan.InTransaction, Line: line})
	}
	step := &p.steps[len(p.steps)-1]
	if step.Kind != plan.InTransaction && len(step.Statements) > 0 {
		p.reportf(line, ruleStep, "write -- bailiwick:transaction above it, or the directive that it needs",
			"a second statement in the step of line %d, which has one only", step.Line)
		return
	}
	if piece.Tree != nil {
		p.check(line, step, piece.Tree.GetStmt())
	}
	step.Statements = append(step.Statements, p.text[piece.Start:piece.End])
}

// begin ends the step at hand and makes another.
func (p *parser) begin(s plan.Step) {
	p.end()
	p.steps = append(p.steps, s)
	p.open = true
}

// end insists that the step at hand has a statement.
func (p *parser) end() {
	if !p.open {
		return
	}
	p.open = false
	if step := p.steps[len(p.steps)-1]; len(step.Statements) == 0 {
		p.reportf(step.Line, ruleStep, "write its statement below the directive, or remove the directive", "a step without a statement")
	}
}

// section ends a list of steps.
func (p *parser) section() {
	p.end()
	if p.reverse {
		p.plan.Reverse = p.steps
	} else {
		p.plan.Steps = p.steps
	}
	p.steps = nil
}

// once notes a directive that may stand once.
func (p *parser) once(name string, line int) bool {
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	if first := p.seen[name]; first > 0 {
		if name != "statement" {
			p.reportf(line, ruleDirective, "remove one of them", "bailiwick:%s stands at line %d already", name, first)
		}
		return false
	}
	p.seen[name] = line
	return true
}

// finish looks for what is missing.
func (p *parser) finish() {
	p.section()
	if p.seen[dirPlan] == 0 && p.seen["statement"] == 0 {
		p.reportf(1, ruleDirective, "begin the file with -- bailiwick:plan tenant (or public)", "the file is no plan: it has no directive bailiwick:plan")
	}
	for _, name := range []string{dirFrom, dirTo} {
		if p.seen[dirPlan] > 0 && p.seen[name] == 0 {
			p.reportf(p.seen[dirPlan], ruleFingerprint, "`bailiwick schema plan --save` writes a file with both; `bailiwick schema plan` shows them", "the plan has no -- bailiwick:%s FINGERPRINT", name)
		}
	}
	if p.plan.From == p.plan.To && p.plan.From != "" {
		p.reportf(p.seen[dirTo], ruleFingerprint, "remove the file, if nothing is to change", "the plan ends where it begins")
	}
	if p.seen[dirPlan] > 0 && len(p.plan.Steps) == 0 {
		p.reportf(p.seen[dirPlan], ruleStep, "write the statements below the directives", "the plan has no statement")
	}
	if line := p.seen[dirReverse]; line > 0 && len(p.plan.Reverse) == 0 {
		p.reportf(line, ruleStep, `write the statements that lead back, or say -- bailiwick:irreversible "why"`, "the reverse has no statement")
	}
	if p.seen[dirReverse] == 0 && p.plan.Irreversible == "" {
		p.plan.Irreversible = noReverse
	}
	p.found = slices.CompactFunc(p.found, func(a, b diag.Diagnostic) bool { return a == b })
}
