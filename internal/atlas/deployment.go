package atlas

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The values of a group's on_error, which are Atlas Pro's.
const (
	// OnErrorFail stops the rollout at the first tenant that fails.
	OnErrorFail = "FAIL"
	// OnErrorContinue records the failure and goes on, within the budget.
	OnErrorContinue = "CONTINUE"
)

// The values of a group's order_by.
const (
	OrderBySlug      = "slug"
	OrderByCreatedAt = "created_at"
)

// Deployment is the order in which tenants receive a change.
type Deployment struct {
	Name string
	// Groups in the order of the file. A tenant belongs to the first one that
	// matches its ring; the last one matches all.
	Groups []Group
	// Line is that of atlas.hcl, or zero for the default deployment.
	Line int
}

// Group is a part of the tenants that is done as a whole before those groups
// that depend on it.
type Group struct {
	Name string
	// Match lists rings, values of public.tenants.ring. None means all tenants
	// that no earlier group has.
	Match []string
	// OrderBy says which tenant comes first: OrderBySlug or OrderByCreatedAt.
	OrderBy string
	// Parallel is how many tenants are worked on at once, at least 1.
	Parallel int
	// OnError is OnErrorFail or OnErrorContinue.
	OnError string
	// MaxFailures is how many tenants of the group may fail before the rollout
	// stops.
	MaxFailures Budget
	// Percent of the group's tenants make one wave; 100 is all at once.
	Percent float64
	// Soak is how long to wait after each wave before the next one.
	Soak time.Duration
	// DependsOn names the groups that have to be done first.
	DependsOn []string
	// Line is that of atlas.hcl, or zero.
	Line int
}

// Budget is a number of failures, as a count or as a share of the group.
type Budget struct {
	// Unlimited means that any number is borne.
	Unlimited bool
	Count     int
	// Percent counts when Count is zero.
	Percent float64
}

// Exceeded tells whether failed of total tenants are more than the budget bears.
func (b Budget) Exceeded(failed, total int) bool {
	switch {
	case b.Unlimited || failed == 0:
		return false
	case b.Percent > 0:
		return float64(failed) > b.Percent*float64(total)/100
	}
	return failed > b.Count
}

// String gives the budget as atlas.hcl spells it.
func (b Budget) String() string {
	switch {
	case b.Unlimited:
		return "100%"
	case b.Percent > 0:
		return strconv.FormatFloat(b.Percent, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(b.Count)
}

// ParseBudget reads a count such as "5" or a share such as "2%".
func ParseBudget(s string) (Budget, error) {
	bad := fmt.Errorf(`%q is neither a count such as "5" nor a share such as "2%%"`, s)
	if share, ok := strings.CutSuffix(s, "%"); ok {
		p, err := strconv.ParseFloat(share, 64)
		switch {
		case err != nil || math.IsNaN(p) || p < 0 || p > 100:
			return Budget{}, bad
		case p == 100: //nolint:mnd,nolintlint // All of them.
			return Budget{Unlimited: true}, nil
		}
		return Budget{Percent: p}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return Budget{}, bad
	}
	return Budget{Count: n}, nil
}

// DefaultDeployment is in force where atlas.hcl names none: the ring "canary"
// first, one by one, then everybody else. A ring without tenants costs nothing.
func DefaultDeployment() Deployment {
	canary, rest := newGroup("canary"), newGroup("rest")
	canary.Match = []string{"canary"}
	rest.DependsOn = []string{"canary"}
	rest.Parallel = 4
	return Deployment{Name: "default", Groups: []Group{canary, rest}}
}

// newGroup is a group without attributes. Parallel and OnError are Atlas's defaults.
func newGroup(name string) Group {
	return Group{Name: name, OrderBy: OrderBySlug, Parallel: 1, OnError: OnErrorFail, Percent: 100}
}

// GroupOf returns the index of the group that a tenant of this ring belongs to.
func (d Deployment) GroupOf(ring string) int {
	return max(0, slices.IndexFunc(d.Groups, func(g Group) bool {
		return len(g.Match) == 0 || slices.Contains(g.Match, ring)
	}))
}

// Order returns the indexes of the groups in the order of their work: after
// whatever they depend on, and else as in the file.
func (d Deployment) Order() []int {
	var order []int
	done := map[string]bool{}
	for len(order) < len(d.Groups) {
		next := slices.IndexFunc(d.Groups, func(g Group) bool {
			return !done[g.Name] && !slices.ContainsFunc(g.DependsOn, func(n string) bool { return !done[n] })
		})
		if next < 0 {
			break // A cycle, which Load refuses.
		}
		done[d.Groups[next].Name] = true
		order = append(order, next)
	}
	return order
}

// Waves cuts n tenants of the group into waves of Percent each, and returns
// their sizes.
func (g Group) Waves(n int) []int {
	size := int(math.Ceil(float64(n) * g.Percent / 100))
	if g.Percent <= 0 || size > n {
		size = n
	}
	var waves []int
	for ; n > 0; n -= size {
		waves = append(waves, min(size, n))
	}
	return waves
}
