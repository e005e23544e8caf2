package atlas

import (
	"context"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
)

// Statement is one statement of a change, with unqualified names.
type Statement struct {
	SQL string
	// Outside tells that it can't run in a transaction.
	Outside bool
	// Alone tells that what it makes can't be used in its own transaction, as
	// with ALTER TYPE ... ADD VALUE: later statements belong to a later step.
	Alone bool
	// What says in words what it is for, such as `create index "scans_idx" to table: "scans"`.
	What string
}

// Changes are the way from one schema to another as far as Atlas sees it.
type Changes struct {
	// Statements in the order in which they run: those with Alone first, those
	// with Outside last.
	Statements []Statement
	// Skipped says what is left to others, one sentence each.
	Skipped []string
	// Withheld says what the policy keeps from being planned, one sentence each.
	// With any of it the second schema is not reached.
	Withheld []string
	// Findings are those of Atlas's analyzers.
	Findings []Finding
}

// Diff returns what makes schema `from` on one connection like schema `to` on
// another, which may be the same connection. Both are used for nothing else
// meanwhile; a transaction that is open on them stays as it is.
func Diff(ctx context.Context, from *pgx.Conn, fromSchema string, to *pgx.Conn, toSchema string, policy Policy) (*Changes, error) {
	p := &pair{policy: policy, leftColumn: map[string]bool{}}
	var err error
	if p.from, p.now, err = inspect(ctx, from, fromSchema); err != nil {
		return nil, err
	}
	if p.to, p.then, err = inspect(ctx, to, toSchema); err != nil {
		return nil, err
	}
	for _, s := range []*schema.Schema{p.from, p.to} {
		s.Name, s.Attrs, s.Realm = "", nil, nil // One schema under two names.
	}
	p.leave()
	changes, err := postgres.DefaultDiff.SchemaDiff(p.from, p.to, schema.DiffNormalized())
	if err != nil {
		return nil, fmt.Errorf("compare schema %s with %s: %w", fromSchema, toSchema, err)
	}
	changes = p.mend(changes)
	p.concurrently(changes)
	plan, err := postgres.DefaultPlan.PlanChanges(ctx, "plan", changes)
	if err != nil {
		return nil, fmt.Errorf("plan from schema %s to %s: %w", fromSchema, toSchema, err)
	}
	found, err := analyze(ctx, changes, plan)
	if err != nil {
		return nil, err
	}
	return &Changes{Statements: statements(plan, p.more), Skipped: p.skipped, Withheld: p.withheld, Findings: found}, nil
}

// concurrently marks the indexes of tables that exist already. A partitioned
// table can't have it, nor can an index that a new foreign key is to rely on,
// because those that are concurrent come last.
func (p *pair) concurrently(changes []schema.Change) {
	needed := map[string]bool{}
	each(changes, func(_ *schema.Table, c schema.Change) {
		if f, ok := c.(*schema.AddForeignKey); ok {
			needed[f.F.RefTable.Name] = true
		}
	})
	each(changes, func(t *schema.Table, c schema.Change) {
		partitioned := p.then.tables[t.Name].definition != "" // It is the partition key.
		switch c := c.(type) {
		case *schema.AddIndex:
			if p.policy.ConcurrentIndex.Create && !partitioned && (!c.I.Unique || !needed[t.Name]) {
				c.Extra = append(c.Extra, &postgres.Concurrently{})
			}
		case *schema.DropIndex:
			if p.policy.ConcurrentIndex.Drop && !partitioned {
				c.Extra = append(c.Extra, &postgres.Concurrently{})
			}
		}
	})
}

// each calls do with every change of a table that stays.
func each(changes []schema.Change, do func(*schema.Table, schema.Change)) {
	for _, m := range modifications(changes) {
		for _, c := range m.Changes {
			do(m.T, c)
		}
	}
}

func modifications(changes []schema.Change) []*schema.ModifyTable {
	var list []*schema.ModifyTable
	for _, c := range changes {
		if m, ok := c.(*schema.ModifyTable); ok {
			list = append(list, m)
		}
	}
	return list
}

func statements(plan *migrate.Plan, more []Statement) []Statement {
	list := make([]Statement, 0, len(plan.Changes)+len(more))
	for _, c := range plan.Changes {
		list = append(list, Statement{
			SQL: c.Cmd, What: c.Comment,
			Outside: concurrent.MatchString(c.Cmd), Alone: addValue.MatchString(c.Cmd),
		})
	}
	list = append(list, more...)
	rank := func(s Statement) int {
		switch {
		case s.Alone:
			return 0
		case s.Outside:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b Statement) int { return rank(a) - rank(b) })
	return list
}
