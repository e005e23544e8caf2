package attack

import (
	"fmt"
	"maps"
	"slices"
)

// Outcome says how an attack ended.
type Outcome string

// The outcomes.
const (
	// Safe is the safe result, of those that docs/attacks.md names.
	Safe Outcome = "safe"
	// Unsafe is any other: the attack came through, or can't be told from that.
	Unsafe Outcome = "UNSAFE"
	// NotTried is an attack that the target does not allow, with the reason.
	NotTried Outcome = "not tried"
)

// Result is one attempt.
type Result struct {
	// Attack is the number in docs/attacks.md, and Case what of it was tried.
	Attack int    `json:"attack"`
	Case   string `json:"case"`
	// Operation is which of the document's it was tried at, such as GET
	// /v1/scans/{scan_id}; empty where that is no matter.
	Operation string `json:"operation,omitempty"`
	// Sent is what was sent, and Got what came back.
	Sent string `json:"sent,omitempty"`
	Got  string `json:"got,omitempty"`
	// Want says what would have been safe; empty where the outcome is Safe.
	Want    string  `json:"want,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Reason is why it was not tried.
	Reason string `json:"reason,omitempty"`
}

// Report is what came of all attacks, in their order.
type Report struct {
	Results []Result `json:"results"`
}

// Unsafe returns the attempts that came through.
func (r *Report) Unsafe() []Result { return r.of(Unsafe) }

// Attempts counts what was tried. A report without any is about nothing, and must
// not pass for one that found nothing.
func (r *Report) Attempts() int { return len(r.Results) - len(r.of(NotTried)) }

// Untried returns the numbers of the attacks of which nothing was tried. A check
// that nobody gave what it needs must not pass for one that found nothing.
func (r *Report) Untried() []int {
	tried := map[int]bool{}
	for _, x := range r.Results {
		tried[x.Attack] = tried[x.Attack] || x.Outcome != NotTried
	}
	numbers := slices.Sorted(maps.Keys(tried))
	return slices.DeleteFunc(numbers, func(n int) bool { return tried[n] })
}

func (r *Report) of(o Outcome) []Result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(x Result) bool { return x.Outcome != o })
}

// Summary counts the outcomes.
func (r *Report) Summary() string {
	attacks := map[int]bool{}
	for _, x := range r.Results {
		attacks[x.Attack] = true
	}
	untried := len(r.Untried())
	return fmt.Sprintf("%s at %s: %d safe, %d UNSAFE; %s not tried",
		plural(r.Attempts(), "attempt", "attempts"), plural(len(attacks)-untried, "attack", "attacks"),
		len(r.of(Safe)), len(r.of(Unsafe)), plural(untried, "attack", "attacks"))
}

// judge adds an attempt.
func (c *campaign) judge(attack int, name, sent, got string, safe bool, want string) {
	c.judgeAt(nil, attack, name, sent, got, safe, want)
}

// hogging is the attack on a service's time: that it takes long is what it looks for.
const hogging = 38

// judgeAt adds an attempt at an operation. An answer that we ceased to wait for says
// nothing, but for hogging, where requests have time enough.
func (c *campaign) judgeAt(op *operation, attack int, name, sent, got string, safe bool, want string) {
	if got == late && (attack != hogging || c.Timeout < DefaultTimeout) {
		c.skipAt(op, attack, name, sent+": "+late)
		return
	}
	r := Result{Attack: attack, Case: name, Sent: sent, Got: got, Outcome: Safe}
	if !safe {
		r.Outcome, r.Want = Unsafe, want
	}
	c.add(op, r)
}

// skip says why an attack is not tried.
func (c *campaign) skip(attack int, name, reason string) { c.skipAt(nil, attack, name, reason) }

// skipAt says why an attack is not tried at an operation.
func (c *campaign) skipAt(op *operation, attack int, name, reason string) {
	c.add(op, Result{Attack: attack, Case: name, Outcome: NotTried, Reason: reason})
}

func (c *campaign) add(op *operation, r Result) {
	if op != nil {
		r.Operation = op.String()
	}
	if c.wants(r.Attack) {
		c.report.Results = append(c.report.Results, r)
	}
}
