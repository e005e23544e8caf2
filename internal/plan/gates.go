package plan

import (
	"context"
	"fmt"
)

// between gives what looks at a unit's world, and asks the gate, between the steps
// of its plan: servers work there as at both its ends. What public's steps change,
// tenants' statements may need.
func (r *route) between(u *unit, gaps func(context.Context, int) error) func(context.Context, int) error {
	units := []*unit{u}
	if u == r.public {
		units = r.units()
	}
	told := map[string]bool{}
	return func(ctx context.Context, done int) error {
		if err := gaps(ctx, done); err != nil {
			return err
		}
		for _, of := range units {
			if of.asked == nil || !of.ready() && of != u {
				continue
			}
			sentences, err := of.asked(ctx, of.fresh, true)
			if err != nil {
				return err
			}
			for _, sentence := range sentences {
				if !told[sentence] {
					told[sentence] = true
					r.refuse(u.plan, after(done, u.plan.Steps)+sentence)
				}
			}
		}
		return nil
	}
}

// after begins a sentence about what is between two steps.
func after(done int, steps []Step) string {
	line := ""
	if n := steps[done-1].Line; n > 0 {
		line = fmt.Sprintf(" (line %d)", n)
	}
	return fmt.Sprintf("after step %d of %d%s it ", done, len(steps), line)
}
