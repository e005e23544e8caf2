package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// The states of a tenant. Only an active one is routed.
const (
	// StateProvisioning is of tenants that are being made by other means than [Catalog.Create],
	// which makes an active one at once.
	StateProvisioning = "provisioning"
	StateActive       = "active"
	StateSuspended    = "suspended"
	// StateOffboarding is of tenants that have all their data until they are purged.
	StateOffboarding = "offboarding"
	// StatePurged is of those that are a row of the registry without schema, role or slug.
	StatePurged = "purged"
)

// The steps in the life of a tenant, as the audit and hooks call them.
const (
	ActionCreate   = "create"
	ActionRename   = "rename"
	ActionSetName  = "set-name"
	ActionSetPlan  = "set-plan"
	ActionSuspend  = "suspend"
	ActionResume   = "resume"
	ActionOffboard = "offboard"
	ActionRestore  = "restore"
	ActionPurge    = "purge"
)

// What the audit calls the mending of what has gone wrong.
const (
	ActionMend       = "mend"
	ActionForgetHook = "forget-hook"
	ActionDropEvent  = "drop-event"
)

// transition is a step: from which states it may be taken, and where it leads.
type transition struct {
	from []string
	to   string // empty: what the step itself makes of it, or the state stays
}

// transitions are all steps but the first one, which is Create. Nothing else
// changes a tenant's state.
var transitions = map[string]transition{
	ActionRename:   {from: []string{StateProvisioning, StateActive, StateSuspended}},
	ActionSetName:  {from: []string{StateProvisioning, StateActive, StateSuspended}},
	ActionSetPlan:  {from: []string{StateProvisioning, StateActive, StateSuspended}},
	ActionSuspend:  {from: []string{StateActive}, to: StateSuspended},
	ActionResume:   {from: []string{StateSuspended, StateProvisioning}, to: StateActive},
	ActionOffboard: {from: []string{StateProvisioning, StateActive, StateSuspended}, to: StateOffboarding},
	ActionRestore:  {from: []string{StateOffboarding}}, // to active, or to suspended if it came from there
	ActionPurge:    {from: []string{StateOffboarding}, to: StatePurged},
}

// legal checks that a step may be taken from the state that a tenant is in.
func legal(action string, r Record) error {
	if slices.Contains(transitions[action].from, r.State) {
		return nil
	}
	var possible []string
	for _, other := range slices.Sorted(maps.Keys(transitions)) {
		if slices.Contains(transitions[other].from, r.State) {
			possible = append(possible, other)
		}
	}
	if len(possible) == 0 {
		return failf(tenant.CodeConflict, "%s is not possible: tenant %s is %s, for good", action, r.Slug, r.State)
	}
	return failf(tenant.CodeConflict, "%s is not possible: tenant %s is %s; possible are %s", action, r.Slug, r.State, strings.Join(possible, ", "))
}
