package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// demoOutcome is how a check on a resource came out the last time.
type demoOutcome struct {
	status string
	muted  bool
}

// demoFailing is how often a check of a severity fails.
var demoFailing = map[string]float64{"critical": 0.07, "high": 0.14, "medium": 0.24, "low": 0.35, "informational": 0.3}

// demoRisk is the risk of a failing finding of a severity on a resource that
// is as exposed as most.
var demoRisk = map[string]float64{"critical": 65, "high": 45, "medium": 24, "low": 8, "informational": 1}

// finding adds the outcome of a check on a resource. Most outcomes stay what
// they were the last time.
func (d *demo) finding(scanID string, p demoProvider, n int, c demoCheck, r demoResource, outcomes map[string]*demoOutcome, times []time.Time) {
	uid := strings.Join([]string{"finding", p.kind, c.ID, r.region, short(r.uid)}, "-")
	last, seen := outcomes[uid]
	delta := ""
	switch {
	case !seen:
		last = &demoOutcome{status: d.outcome(c)}
		last.muted = last.status == "fail" && d.rng.IntN(40) == 0
		outcomes[uid] = last
		delta = "new"
	case d.rng.IntN(25) == 0:
		before := last.status
		if last.status = d.outcome(c); last.status != before {
			delta = "changed"
		}
	}
	risk := 0.0
	if last.status == "fail" {
		risk = min(demoRisk[c.Severity]*r.exposure, 100)
	}
	reason, by, at := "", "", ""
	if last.muted {
		reason, by, at = "Accepted until the migration is done.", "analyst@"+d.slug+".example", stamp(times[n])
	}
	id := d.id("finding", scanID, uid)
	d.findings.add(id, scanID, uid, c.ID, r.service, r.region, c.Severity, last.status, demoDetail(c, r, last.status), delta,
		strconv.FormatFloat(risk, 'f', 2, 64), c.Categories, fmt.Sprintf(`{"resource": %q, "env": %q}`, r.name, r.env),
		stamp(times[r.since]), strconv.FormatBool(last.muted), reason, by, at, stamp(times[n]))
	d.links.add(id, r.id)
}

func (d *demo) outcome(c demoCheck) string {
	switch at := d.rng.Float64(); {
	case at < demoFailing[c.Severity]:
		return "fail"
	case at > 0.985:
		return "manual"
	default:
		return "pass"
	}
}

// demoDetail says the outcome in a sentence.
func demoDetail(c demoCheck, r demoResource, status string) string {
	what := strings.ToUpper(r.kind[:1]) + strings.ReplaceAll(r.kind[1:], "-", " ") + " " + r.name
	switch status {
	case "fail":
		return what + " does not comply: " + c.Title + "."
	case "manual":
		return what + " must be looked at: " + c.Title + "."
	default:
		return what + " complies: " + c.Title + "."
	}
}
