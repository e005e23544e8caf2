package attack

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// mute tells whether an answer says nothing of what was asked: there is none, or the
// service limits requests, or serves nobody just now.
func (a answer) mute() bool { return a.status == 0 || a.busy() }

// busy tells whether the service limits requests, serves nobody just now, or takes
// longer than we wait.
func (a answer) busy() bool {
	return a.is(http.StatusTooManyRequests, http.StatusServiceUnavailable) || a.late()
}

// judgeAlike judges two answers that nobody may tell apart; got is the one to x.
// Equal failures that whoever asks would get prove nothing: that answers are alike
// counts only where their status is one that tells. Where only one of them is cut
// off, that tells them apart.
func (c *campaign) judgeAlike(op *operation, x Result, got, other answer, alike bool, tells ...int) {
	x.Got = got.String()
	if !alike {
		x.Got += "; the other one: " + other.String()
	}
	if got.busy() || other.busy() || alike && !got.is(tells...) {
		c.skipAt(op, x.Attack, x.Case, fmt.Sprintf("%s: the service does not answer what was asked, but %s", x.Sent, x.Got))
		return
	}
	c.judgeAt(op, x.Attack, x.Case, x.Sent, x.Got, alike, x.Want)
}

// try runs a family, and asks whether A and B are still served. What refuses them
// refuses everything: it is UNSAFE, and what was called safe meanwhile is taken back.
func (c *campaign) try(ctx context.Context, f family) (alive bool, err error) {
	from := len(c.report.Results)
	if err := f.run(c, ctx); err != nil {
		return false, fmt.Errorf("attacks %v: %w", f.numbers, err)
	}
	for _, p := range []Party{c.A, c.B} {
		got := c.served(ctx, p)
		if err := ctx.Err(); err != nil {
			return false, fmt.Errorf("attacks %v: %w", f.numbers, err)
		}
		if got.status == http.StatusOK {
			continue
		}
		sent := c.witness.String() + " at " + p.Host
		for i, r := range c.report.Results[from:] {
			if r.Outcome == Safe {
				c.report.Results[from+i] = Result{
					Attack: r.Attack, Case: r.Case, Operation: r.Operation, Outcome: NotTried,
					Reason: "nothing can be told from " + r.Got + ": after that " + sent + " is " + got.String(),
				}
			}
		}
		for _, n := range f.numbers {
			c.add(nil, Result{Attack: n, Outcome: Unsafe, Case: "the tenants after these attacks", Sent: sent, Got: got.String(), Want: "200: a service that answers nobody is not safe"})
		}
		return false, nil
	}
	return true, nil
}

// served is the answer of the witness to a tenant's own member. Of a service that is
// busy it is waited for, and once for longer than the target's requests are where
// those have little time: slow is not dead.
func (c *campaign) served(ctx context.Context, p Party) (got answer) {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if got = c.as(ctx, p, c.witness); !got.mute() || time.Since(begun) > c.Timeout || ctx.Err() != nil {
			break
		}
	}
	if got.late() && c.Timeout < DefaultTimeout {
		client, patient := *c.client, *c
		client.Timeout, patient.client = DefaultTimeout, &client
		got = patient.as(ctx, p, c.witness)
	}
	return got
}

// tryAll runs the families that are wanted. After one that A or B did not outlast
// nothing can be told of the others.
func (c *campaign) tryAll(ctx context.Context) error {
	for i, f := range families {
		if !c.wants(f.numbers...) {
			continue
		}
		alive, err := c.try(ctx, f)
		if err != nil {
			return err
		}
		if alive {
			continue
		}
		for _, rest := range families[i+1:] {
			for _, n := range rest.numbers {
				if !slices.ContainsFunc(c.report.Results, func(r Result) bool { return r.Attack == n }) {
					c.skip(n, "what comes after", "the service has ceased to serve its tenants, see the row that says so")
				}
			}
		}
		return nil
	}
	return nil
}
