// Package plan works out how a schema comes from the state that it is in to the
// desired one: what Atlas finds for tables, what the fingerprint's objects say
// of everything else, or a plan file that was written and reviewed by hand. A
// plan counts only once it has been run on a structural clone and has reached
// the desired fingerprint.
//
// It may import internal/atlas, internal/diag, internal/lint, internal/plan/objects,
// tenant, tenant/catalog, tenant/fingerprint, pgx, pg_query, protoreflect and
// x/sync/errgroup.
package plan

import (
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Scope says which of the two kinds of schema a plan is for.
type Scope string

// The scopes.
const (
	Tenant Scope = "tenant"
	Public Scope = "public"
)

// Plan is the way from one state to another, for all schemas in that state.
type Plan struct {
	Scope Scope `json:"scope"`
	// From and To are fingerprints.
	From string `json:"from"`
	To   string `json:"to"`
	// Source is the plan file's path within the project; empty for a plan that
	// was worked out. Package planfile reads such files as plans. Where several
	// files lead on one after the other it is all their paths, ", " between them.
	Source string `json:"source,omitempty"`
	// Rest is the last part of a plan whose files don't lead all the way: what was
	// worked out from the state that the last of them leads to.
	Rest  *Plan  `json:"rest,omitempty"`
	Steps []Step `json:"steps"`
	// Destroys says, one sentence each, which data are lost by steps that were
	// worked out. What a plan file destroys has been reviewed.
	Destroys []string `json:"destroys,omitempty"`
	// Reverse leads back; empty when there is no way, and then Irreversible
	// says why not.
	Reverse      []Step `json:"reverse,omitempty"`
	Irreversible string `json:"irreversible,omitempty"`
	// Losses says what data the reverse loses, one sentence each.
	Losses []string `json:"losses,omitempty"`
	// Refused says, one sentence each with its mend, why there is no certified
	// plan. A plan with any is not applied.
	Refused []string `json:"refused,omitempty"`
	// Differences are what the plan is to bring about.
	Differences []fingerprint.Difference `json:"differences"`
	Findings    []Finding                `json:"findings,omitempty"`
	Locks       []Lock                   `json:"locks,omitempty"`
}

// Certified tells whether the plan has reached the desired fingerprint on a clone.
func (p *Plan) Certified() bool { return len(p.Refused) == 0 }

// WorkedOut is the part of the plan that no plan file holds: all of it, its Rest,
// or nil.
func (p *Plan) WorkedOut() *Plan {
	if p.Source == "" {
		return p
	}
	return p.Rest
}

// StepKind says how a step is run.
type StepKind string

// The kinds of steps.
const (
	// InTransaction: all statements in one transaction with the ledger's row.
	InTransaction StepKind = "transaction"
	// Outside: one statement that can't run in a transaction, such as CREATE
	// INDEX CONCURRENTLY.
	Outside StepKind = "outside"
	// Backfill: one statement with the parameters $1 and $2, which are the first
	// and last key of a batch (both included), run batch by batch, each in a
	// transaction of its own with the ledger's cursor.
	Backfill StepKind = "backfill"
)

// Step is a part of a plan that is done as a whole or not at all. Statements use
// unqualified names; the search_path is the schema, then pg_temp, and the role
// the owner's. Where a statement needs the name of the schema or of a role it has
// a placeholder: see [Names].
type Step struct {
	Kind       StepKind `json:"kind"`
	Statements []string `json:"statements"`
	// Line is where the step begins in its plan file; 0 without one.
	Line int `json:"line,omitempty"`
	// Completed is how many of the last statements of a plan file's step are not in
	// the file: they give the owners and privileges that it leaves to the planner.
	Completed int `json:"completed,omitempty"`
	// Table and Key say over what a backfill runs: a table of the schema and its
	// unique, NOT NULL column. Batch is the number of rows of a batch, Pause the
	// time between two.
	Table string        `json:"table,omitempty"`
	Key   string        `json:"key,omitempty"`
	Batch int           `json:"batch,omitempty"`
	Pause time.Duration `json:"pause,omitempty"`
}

// Finding is what the lint has to say of a plan.
type Finding struct {
	// Rule is the finding's stable name, such as "drops-column".
	Rule      string `json:"rule"`
	Statement string `json:"statement,omitempty"`
	Message   string `json:"message"`
	Mend      string `json:"mend,omitempty"`
	// Query looks, in a tenant's schema, for data that makes the statement fail:
	// clones are empty, so that nothing else does before a tenant's turn.
	Query string `json:"query,omitempty"`
	// Severity is "error" or "warning".
	Severity string `json:"severity"`
}

// Lock is what a statement holds of a table while it runs.
type Lock struct {
	Table string `json:"table"`
	// Mode is PostgreSQL's name, such as "ACCESS EXCLUSIVE".
	Mode      string `json:"mode"`
	Statement string `json:"statement"`
	// Rewrite tells that the table is written anew, Scan that all of it is read.
	Rewrite bool `json:"rewrite,omitempty"`
	Scan    bool `json:"scan,omitempty"`
}
