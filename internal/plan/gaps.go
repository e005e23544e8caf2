package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// A step is committed, and the next one may fail, or come much later: whatever is
// between two steps is what servers work with. So nothing may be missing there that
// is in the schema before the plan and after it.

const ruleGap = "missing-between-steps"

// gaps gives what looks between the steps of a plan for what is missing there. Of
// steps that were worked out that refuses the plan; who wrote a file is told, and
// so is everybody of indexes: one that is made anew CONCURRENTLY has to go first.
func (r *route) gaps(p *Plan, w World, from, to []fingerprint.Object) func(context.Context, int) error {
	told := map[string]bool{}
	return func(ctx context.Context, done int) error {
		now, err := fingerprint.Objects(ctx, w.Conn, w.Schema)
		if err != nil {
			return err
		}
		for _, d := range missing(from, to, now) {
			if told[key(d)] {
				continue
			}
			told[key(d)] = true
			if d.Kind != kindIndex && p.workedOut(done-1) && p.workedOut(done) {
				r.refuse(p, fmt.Sprintf("%s: it would be missing or another one after step %d of %d, and come back only later; write a plan file in schema/plans that drops and remakes it in one step", key(d), done, len(p.Steps)))
				continue
			}
			p.Findings = append(p.Findings, Finding{
				Rule: ruleGap, Severity: severityWarning, Mend: mends[ruleGap], Statement: p.Steps[done-1].Statements[0],
				Message: fmt.Sprintf("%s is missing or another one after step %d of %d, and comes back only later", key(d), done, len(p.Steps)),
			})
		}
		return nil
	}
}

// missing are objects that are there before and after, but not now; and those that
// are the same before and after, but others now: a view has all of its privileges in
// one object.
func missing(from, to, now []fingerprint.Object) []fingerprint.Difference {
	diff := fingerprint.Diff(from, now)
	return slices.DeleteFunc(slices.Clone(diff), func(d fingerprint.Difference) bool {
		i := slices.IndexFunc(to, func(o fingerprint.Object) bool { return o.Kind == d.Kind && o.Name == d.Name })
		if i < 0 || d.From == "" || d.Kind == "comment" || d.Kind == "statistics" || isPart(d, diff) {
			return true
		}
		return d.To != "" && to[i].Definition != d.From
	})
}

// workedOut tells whether one of a plan's steps is in no plan file.
func (p *Plan) workedOut(i int) bool {
	rest := p.WorkedOut()
	if rest == nil {
		return false
	}
	return slices.ContainsFunc(rest.Steps, func(s Step) bool { return sameStep(s, p.Steps[i]) })
}

// sameStep tells whether two copies are of one step.
func sameStep(a, b Step) bool { return &a.Statements[0] == &b.Statements[0] }
