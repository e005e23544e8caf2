// Package drift compares schemas with the desired state: which of them differ,
// together with which others, and in what, object by object. It only reads.
//
// It may import internal/plan, tenant/fingerprint and pgx.
package drift

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Schema is one that is looked at.
type Schema struct {
	Scope plan.Scope
	// Name is the schema's; Label is for people: the tenant's slug, or "public".
	Name, Label string
}

// Report is what was found.
type Report struct {
	// Desired has the desired fingerprints.
	Desired map[plan.Scope]string `json:"desired"`
	// Checked is the number of schemas of each scope.
	Checked map[plan.Scope]int `json:"checked"`
	// Groups are the schemas that are not as desired: public first, then the
	// largest groups of tenants.
	Groups []Group `json:"groups"`
	// Missing are tenants without a schema.
	Missing []string `json:"missing"`
	// Reordered are schemas as desired but for the order of their columns. No
	// statement can change it, and no generated query depends on it.
	Reordered []string `json:"reordered"`
}

// Group is all schemas in one state that is not the desired one.
type Group struct {
	Scope       plan.Scope   `json:"scope"`
	Fingerprint string       `json:"fingerprint"`
	Schemas     []string     `json:"schemas"` // their labels, sorted
	Differences []Difference `json:"differences"`
}

// Difference is one object of which the desired state has another form, or none,
// or which only it has.
type Difference struct {
	fingerprint.Difference

	Explanation string `json:"explanation"`
}

// Any tells whether anything is not as desired.
func (r *Report) Any() bool { return len(r.Groups)+len(r.Missing) > 0 }

// Look compares schemas with the desired state of their scope. Progress may be nil.
func Look(ctx context.Context, pool *pgxpool.Pool, desired map[plan.Scope]plan.Target, schemas []Schema, parallel int, progress func(done int)) (*Report, error) {
	names := make([]string, len(schemas))
	for i, s := range schemas {
		names[i] = s.Name
	}
	states, err := fingerprint.Fleet(ctx, pool, names, parallel, progress)
	if err != nil {
		return nil, fmt.Errorf("read the schemas: %w", err)
	}
	r := &Report{
		Desired: map[plan.Scope]string{}, Checked: map[plan.Scope]int{},
		Groups: []Group{}, Missing: []string{}, Reordered: []string{},
	}
	for scope, target := range desired {
		r.Desired[scope] = target.Fingerprint
	}
	members := map[key][]Schema{}
	for _, s := range schemas {
		r.Checked[s.Scope]++
		state, there := states[s.Name]
		target := desired[s.Scope]
		switch {
		case !there:
			r.Missing = append(r.Missing, s.Label)
		case state.Fingerprint != target.Fingerprint:
			k := key{s.Scope, state.Fingerprint}
			members[k] = append(members[k], s)
		case state.Order != target.Order:
			r.Reordered = append(r.Reordered, s.Label)
		}
	}
	for k, list := range members {
		group, err := explain(ctx, pool, k, list, desired[k.scope].Objects)
		if err != nil {
			return nil, err
		}
		r.Groups = append(r.Groups, group)
	}
	r.sort()
	return r, nil
}

type key struct {
	scope       plan.Scope
	fingerprint string
}

// explain reads the objects of one member: they are the same in all.
func explain(ctx context.Context, pool *pgxpool.Pool, k key, members []Schema, desired []fingerprint.Object) (Group, error) {
	g := Group{Scope: k.scope, Fingerprint: k.fingerprint, Differences: []Difference{}}
	for _, s := range members {
		g.Schemas = append(g.Schemas, s.Label)
	}
	slices.Sort(g.Schemas)
	objects, err := fingerprint.Objects(ctx, pool, members[0].Name)
	if err != nil {
		return g, fmt.Errorf("read schema %s: %w", members[0].Name, err)
	}
	for _, d := range fingerprint.Diff(objects, desired) {
		g.Differences = append(g.Differences, Difference{d, d.Explain()})
	}
	return g, nil
}
