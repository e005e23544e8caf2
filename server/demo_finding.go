package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
)

// demoOutcome is how a check on a resource came out the last time.
type demoOutcome struct {
	status tenantdb.FindingStatus
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
	uid := strings.Join([]string{"finding", string(p.kind), c.ID, r.region, short(r.uid)}, "-")
	last, seen := outcomes[uid]
	delta := ""
	switch {
	case !seen:
		last = &demoOutcome{status: d.outcome(c)}
		last.muted = last.status == tenantdb.FindingStatusFail && d.rng.IntN(40) == 0
		outcomes[uid] = last
		delta = "new"
	case d.rng.IntN(25) == 0:
		before := last.status
		if last.status = d.outcome(c); last.status != before {
			delta = "changed"
		}
	}
	risk := 0.0
	if last.status == tenantdb.FindingStatusFail {
		risk = min(demoRisk[c.Severity]*r.exposure, 100)
	}
	reason, by, at := "", "", ""
	if last.muted {
		reason, by, at = "Accepted until the migration is done.", "analyst@"+d.slug+".example", stamp(times[n])
	}
	id := d.id("finding", scanID, uid)
	d.findings.add(id, scanID, uid, c.ID, r.service, r.region, c.Severity, string(last.status), demoDetail(c, r, last.status), delta,
		strconv.FormatFloat(risk, 'f', 2, 64), c.Categories, fmt.Sprintf(`{"resource": %q, "env": %q}`, r.name, r.env),
		stamp(times[r.since]), strconv.FormatBool(last.muted), reason, by, at, stamp(times[n]))
	d.links.add(id, r.id)
}

func (d *demo) outcome(c demoCheck) tenantdb.FindingStatus {
	switch at := d.rng.Float64(); {
	case at < demoFailing[c.Severity]:
		return tenantdb.FindingStatusFail
	case at > 0.985:
		return tenantdb.FindingStatusManual
	default:
		return tenantdb.FindingStatusPass
	}
}

// demoDetail says the outcome in a sentence.
func demoDetail(c demoCheck, r demoResource, status tenantdb.FindingStatus) string {
	what := strings.ToUpper(r.kind[:1]) + strings.ReplaceAll(r.kind[1:], "-", " ") + " " + r.name
	switch status {
	case tenantdb.FindingStatusFail:
		return what + " does not comply: " + c.Title + "."
	case tenantdb.FindingStatusManual:
		return what + " must be looked at: " + c.Title + "."
	case tenantdb.FindingStatusPass:
		return what + " complies: " + c.Title + "."
	}
	return what
}
