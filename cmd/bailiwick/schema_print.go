//go:build cgo

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/drift"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// planWriter writes plans for people.
type planWriter struct {
	b *strings.Builder
	// alone tells that there is no fleet.
	alone bool
}

// state writes a group of schemas and its plan.
func (w *planWriter) state(s plan.StateGroup) {
	who := drift.Labels(s.Scope, s.Slugs)
	if w.alone {
		who = string(s.Scope)
	}
	if s.Plan == nil {
		fmt.Fprintf(w.b, "%s: as desired\n\n", who)
		return
	}
	p := s.Plan
	verdict := "certified"
	if !p.Certified() {
		verdict = "REFUSED"
	}
	fmt.Fprintf(w.b, "%s: %s, from %s to %s\n", who, verdict, p.From, p.To)
	w.by(p)
	w.list("refused", p.Refused)
	w.differences(p.Differences)
	w.steps("statements", p.Steps)
	w.locks(p.Locks)
	w.findings(p.Findings)
	w.reverse(p)
	w.b.WriteByte('\n')
}

// by says which files a plan goes by, and what it destroys without one.
func (w *planWriter) by(p *plan.Plan) {
	for i, file := range strings.Split(p.Source, ", ") {
		switch {
		case file == "":
		case i == 0:
			fmt.Fprintf(w.b, "  by plan file %s\n", file)
		default:
			fmt.Fprintf(w.b, "  then by plan file %s\n", file)
		}
	}
	if p.Rest != nil {
		fmt.Fprintf(w.b, "  then as worked out, from %s\n", p.Rest.From)
	}
	w.list("destroys data, which needs --accept-loss", p.Destroys)
}

func (w *planWriter) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w.b, "  %s:\n", title)
	for _, line := range lines {
		w.b.WriteString("    " + indent(line) + "\n")
	}
}

// indent moves the further lines of a text below its first.
func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }

func (w *planWriter) differences(list []fingerprint.Difference) {
	lines := make([]string, len(list))
	for i, d := range list {
		lines[i] = d.Explain()
	}
	w.list("differences", lines)
}

// steps writes statements. A single transaction needs no heading of its own.
func (w *planWriter) steps(title string, steps []plan.Step) {
	if len(steps) == 0 {
		return
	}
	var lines []string
	for i, s := range steps {
		if len(steps) > 1 || s.Kind != plan.InTransaction {
			lines = append(lines, fmt.Sprintf("-- step %d of %d: %s", i+1, len(steps), stepWords(s)))
		}
		for j, statement := range s.Statements {
			if s.Completed > 0 && j == len(s.Statements)-s.Completed {
				lines = append(lines, "-- worked out: the owners and privileges that the file leaves open")
			}
			lines = append(lines, strings.TrimRight(statement, ";")+";")
		}
	}
	w.list(title, lines)
}

func stepWords(s plan.Step) string {
	switch s.Kind {
	case plan.Outside:
		return "outside of a transaction"
	case plan.Backfill:
		words := fmt.Sprintf("backfill of %s by %s, %s at a time", s.Table, s.Key, plural(s.Batch, "row"))
		if s.Pause > 0 {
			words += fmt.Sprintf(", with a pause of %s", s.Pause)
		}
		return words
	case plan.InTransaction:
	}
	return "in one transaction"
}

// locks writes the strongest lock that each table is held by.
func (w *planWriter) locks(locks []plan.Lock) {
	lines := make([]string, 0, len(locks))
	width := 0
	for _, l := range locks {
		width = max(width, len(l.Table))
	}
	for _, l := range locks {
		line := fmt.Sprintf("%-*s  %s", width, l.Table, l.Mode)
		switch {
		case l.Rewrite:
			line += ", while the whole table is written anew"
		case l.Scan:
			line += ", while the whole table is read"
		}
		lines = append(lines, line)
	}
	slices.SortFunc(lines, cmp.Compare[string])
	w.list("locks", slices.Compact(lines))
}

func (w *planWriter) findings(list []plan.Finding) {
	lines := make([]string, 0, len(list))
	for _, f := range list {
		line := fmt.Sprintf("%s: %s [%s]", f.Severity, f.Message, f.Rule)
		if f.Mend != "" {
			line += "\n  mend: " + f.Mend
		}
		if f.Query != "" {
			line += "\n  look: " + f.Query
		}
		lines = append(lines, line)
	}
	w.list("findings", slices.Compact(lines))
}

func (w *planWriter) reverse(p *plan.Plan) {
	switch {
	case len(p.Reverse) > 0:
		w.steps("way back", p.Reverse)
		for _, loss := range p.Losses {
			w.b.WriteString("    loses: " + loss + "\n")
		}
	case p.Irreversible != "":
		w.b.WriteString("  no way back: " + p.Irreversible + "\n")
	}
}

// end says in a line how it stands, and what comes next.
func (w *planWriter) end(made *plan.Fleet, o planOptions) {
	plans, refused := made.Plans(), refusedPlans(made)
	tenants := 0
	for _, s := range made.States {
		if s.Scope == plan.Tenant && s.Plan != nil {
			tenants += len(s.Slugs)
		}
	}
	switch {
	case len(plans) == 0:
		w.b.WriteString("nothing to do\n")
	case refused > 0:
		fmt.Fprintf(w.b, "%d of %s refused\n", refused, plural(len(plans), "plan"))
		if !o.save && slices.ContainsFunc(plans, func(p *plan.Plan) bool { return !p.Certified() && p.WorkedOut() != nil }) {
			w.b.WriteString("next: `bailiwick schema plan --save` writes a draft to edit\n")
		} else {
			w.b.WriteString("next: edit the plan file, remove its draft line, and run this again\n")
		}
	case w.alone:
		fmt.Fprintf(w.b, "%s, certified\n", plural(len(plans), "plan"))
	default:
		order := ""
		if made.PublicFirst && made.States[0].Plan != nil && tenants > 0 {
			order = ", public first"
		} else if made.States[0].Plan != nil && tenants > 0 {
			order = ", public last"
		}
		fmt.Fprintf(w.b, "%s for %s, certified%s\n", plural(len(plans), "plan"), schemasWord(made, tenants), order)
		w.next(plans, o.save)
	}
}

// next says what follows on certified plans.
func (w *planWriter) next(plans []*plan.Plan, saved bool) {
	if saved && destroying(plans) {
		w.b.WriteString("next: review the drafts and remove their draft lines, or delete them; `bailiwick schema plan` shows what they come to\n")
		return
	}
	fmt.Fprintf(w.b, "next: `%s` rolls it out", applyCommand(plans))
	if slices.ContainsFunc(plans, func(p *plan.Plan) bool { return p.WorkedOut() != nil }) && !saved {
		w.b.WriteString(", `bailiwick schema plan --save` writes it down for review")
	}
	w.b.WriteByte('\n')
}

func destroying(plans []*plan.Plan) bool {
	return slices.ContainsFunc(plans, func(p *plan.Plan) bool { return len(p.Destroys) > 0 })
}

// applyCommand rolls plans out.
func applyCommand(plans []*plan.Plan) string {
	if destroying(plans) {
		return "bailiwick schema apply --accept-loss"
	}
	return "bailiwick schema apply"
}

func schemasWord(made *plan.Fleet, tenants int) string {
	var parts []string
	if made.States[0].Plan != nil {
		parts = append(parts, publicName)
	}
	if tenants > 0 {
		parts = append(parts, plural(tenants, "tenant"))
	}
	return strings.Join(parts, " and ")
}
