package plan

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Input says what is desired, and where it is to be brought about.
type Input struct {
	// URL is the owner's connection string of the fleet's database. Nothing is
	// done there but reading the catalogs.
	URL string
	// Dev is the connection string of a server for scratch databases, of the
	// same major version; its role may create databases and roles. Empty means
	// the server of URL.
	Dev string
	// RuntimeRole is the role that services log in as. Empty means
	// catalog.DefaultRuntimeRole.
	RuntimeRole string
	// Public and Tenant are the schema files of the desired state, in order.
	Public, Tenant []lint.File
	// Tenants are the registered tenants that have a schema.
	Tenants []catalog.Record
	// Policy is what atlas.hcl says of differences, by scope.
	Policy map[Scope]atlas.Policy
	// Files finds the plans that were written by hand. Nil means that there are
	// none.
	Files Files
	// Gate, if not nil, is asked of each certified plan what it would break.
	Gate Gate
	// Parallel bounds the connections that read the fleet, and the states that
	// are planned at once. Zero means 2.
	Parallel int
	// Later, if not nil, is handed what is left to be done: to drop the scratch
	// databases. PostgreSQL writes a checkpoint for each, for seconds where much was
	// written before, and what comes next need not wait. Nil means that it is done
	// before anything is returned.
	Later func(func() error)
	// Progress, if not nil, hears how far the work is. It is called from several
	// goroutines, but never twice at once.
	Progress func(Progress)
}

// Files finds the plans that were written by hand.
type Files interface {
	// From returns the plans that lead from a fingerprint, in the order of their
	// names: From, To, Source, Steps, Reverse, Losses and Irreversible are filled
	// in.
	From(scope Scope, from string) []*Plan
}

// Progress is how far the work is.
type Progress struct {
	// Stage is "fingerprint" (of schemas) or "plan" (of states).
	Stage       string
	Done, Total int
}

// World is one schema in a scratch database, with the roles that production has.
type World struct {
	Names

	// Conn is the owner's. It must be left as it was found: no open transaction,
	// no role, no settings.
	Conn *pgx.Conn

	// locks, if not nil, gathers what Run's statements lock.
	locks *[]Lock
}

// Gate looks at what runs at a state: a schema of one scope, beside the other
// scope's schemas as they are at that time. What it returns is asked of states that
// are to come.
type Gate func(ctx context.Context, scope Scope, from World) (Asked, error)

// Asked tells what no longer runs in a world. between tells that it is one between
// two steps of a plan, where what takes an old thing's name may have to be filled
// yet. Each sentence refuses the plan; it begins with a verb.
type Asked func(ctx context.Context, to World, between bool) ([]string, error)

// Fleet is what all registered schemas need to come to the desired state.
type Fleet struct {
	// Seen is when, by the database's clock, the look at the schemas began.
	Seen time.Time `json:"seen"`
	// Desired is what the schema files make, by scope.
	Desired map[Scope]Target `json:"desired"`
	// States groups the schemas by the state that they are in: public's first,
	// then the tenants' by their number, the largest first.
	States []StateGroup `json:"states"`
	// PublicFirst tells that public's plan goes before the tenants'; otherwise it
	// goes after all of them.
	PublicFirst bool `json:"public_first"`
	// Notes are for people: what is odd, but stops nothing.
	Notes []string `json:"notes,omitempty"`
}

// StateGroup is the schemas that are in one state.
type StateGroup struct {
	Scope       Scope  `json:"scope"`
	Fingerprint string `json:"fingerprint"`
	// Schemas and Slugs are parallel, sorted by slug. Of public, both are
	// "public".
	Schemas []string `json:"schemas"`
	Slugs   []string `json:"slugs"`
	// Plan is nil for schemas that are in the desired state already.
	Plan *Plan `json:"plan,omitempty"`
}

// Plans are the plans of all states that have one.
func (f *Fleet) Plans() []*Plan {
	var plans []*Plan
	for _, s := range f.States {
		if s.Plan != nil {
			plans = append(plans, s.Plan)
		}
	}
	return plans
}

// Target is a desired state: the text that makes it, and what that makes.
type Target struct {
	Scope Scope `json:"scope"`
	// Version is catalog.Version of DDL, which is the files one after the other.
	Version     string `json:"version"`
	DDL         string `json:"-"`
	Fingerprint string `json:"fingerprint"`
	// Order is fingerprint.State's.
	Order   string               `json:"order"`
	Objects []fingerprint.Object `json:"-"`
}
