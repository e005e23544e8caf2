package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// integers are the types that a limit may have, by their names in SQL.
var integers = []string{"int2", "int4", "int8", "smallint", "integer", "bigint"}

// checkPlanLimit looks at what can be said without the schema.
func (d *Document) checkPlanLimit(o *Operation) diag.List {
	value, ok := o.Op.Extensions[planLimit]
	if !ok {
		return nil
	}
	at := d.operationLine(o, planLimit)
	if name, isText := value.(string); !isText || name == "" {
		return diag.List{d.At(at, planLimit, o.ID, "name a column of public.plans, such as `x-plan-limit: max_users`", "x-plan-limit %v is no name", value)}
	}
	if o.Scope != scopeTenant {
		return diag.List{d.At(at, planLimit, o.ID, "remove it", "only tenants have plans, and the operation has x-scope %s", o.Scope)}
	}
	return nil
}

// CheckPlanLimits reports limits that plans can't have, given the columns of
// public.plans with the SQL names of their types: each request would fail.
func (d *Document) CheckPlanLimits(plans map[string]string) diag.List {
	var found diag.List
	limits := slices.DeleteFunc(slices.Sorted(maps.Keys(plans)), func(name string) bool { return !slices.Contains(integers, plans[name]) })
	mend := "add a column of integers to public.plans in the schema files"
	if len(limits) > 0 {
		mend += ", or name one that it has: " + strings.Join(limits, ", ")
	}
	for _, o := range d.Operations {
		name, isText := o.Op.Extensions[planLimit].(string)
		if !isText || name == "" || o.Scope != scopeTenant || slices.Contains(limits, name) {
			continue
		}
		at := d.operationLine(o, planLimit)
		if is, ok := plans[name]; ok {
			found = append(found, d.At(at, planLimit, o.ID, mend, "column %s of public.plans is %s, and a limit is an integer", name, is))
			continue
		}
		found = append(found, d.At(at, planLimit, o.ID, mend, "public.plans has no column %s", name))
	}
	return found
}
