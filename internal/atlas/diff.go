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
	// Reverse undoes it; empty when Atlas knows no statement that does.
	Reverse []string
	// What says in words what it is for, such as `create index "scans_idx" to table: "scans"`.
	What string
}

// Changes are the way from one schema to another as far as Atlas sees it.
type Changes struct {
	// Statements in the order in which they run.
	Statements []Statement
	// Skipped says what Atlas found and Bailiwick leaves to others, with the
	// reason, one sentence each.
	Skipped []string
	// Findings are those of Atlas's analyzers.
	Findings []Finding
}

// Finding is what an analyzer of Atlas has to say.
type Finding struct {
	Rule, Statement, Message, Mend string
	// Error tells a finding that stops a plan from one that only warns.
	Error bool
}

// Diff returns what makes schema `from` on one connection like schema `to` on
// another, which may be the same connection. Both are used for nothing else
// meanwhile; a transaction that is open on them stays as it is.
func Diff(ctx context.Context, from *pgx.Conn, fromSchema string, to *pgx.Conn, toSchema string, policy Policy) (*Changes, error) {
	now, err := inspect(ctx, from, fromSchema)
	if err != nil {
		return nil, err
	}
	then, err := inspect(ctx, to, toSchema)
	if err != nil {
		return nil, err
	}
	for _, s := range []*schema.Schema{now, then} {
		s.Name, s.Attrs, s.Realm = "", nil, nil // One schema under two names.
	}
	changes, err := postgres.DefaultDiff.SchemaDiff(now, then, schema.DiffNormalized(), schema.DiffSkipChanges(skips(policy.Skip)...))
	if err != nil {
		return nil, fmt.Errorf("compare schema %s with %s: %w", fromSchema, toSchema, err)
	}
	concurrently(changes, policy.ConcurrentIndex)
	plan, err := postgres.DefaultPlan.PlanChanges(ctx, "plan", changes)
	if err != nil {
		return nil, fmt.Errorf("plan from schema %s to %s: %w", fromSchema, toSchema, err)
	}
	return statements(plan)
}

// kinds are Atlas's changes by the names that its diff.skip gives them.
var kinds = map[string]schema.Change{
	"add_table": &schema.AddTable{}, "drop_table": &schema.DropTable{}, "modify_table": &schema.ModifyTable{},
	"add_column": &schema.AddColumn{}, "drop_column": &schema.DropColumn{}, "modify_column": &schema.ModifyColumn{},
	"add_index": &schema.AddIndex{}, "drop_index": &schema.DropIndex{}, "modify_index": &schema.ModifyIndex{},
	"add_foreign_key": &schema.AddForeignKey{}, "drop_foreign_key": &schema.DropForeignKey{}, "modify_foreign_key": &schema.ModifyForeignKey{},
}

func skips(names []string) []schema.Change {
	var list []schema.Change
	for _, n := range names {
		if c, ok := kinds[n]; ok {
			list = append(list, c)
		}
	}
	return list
}

// concurrently marks the indexes of tables that exist already.
func concurrently(changes []schema.Change, which ConcurrentIndex) {
	for _, c := range changes {
		table, ok := c.(*schema.ModifyTable)
		if !ok {
			continue
		}
		for _, c := range table.Changes {
			switch c := c.(type) {
			case *schema.AddIndex:
				if which.Create {
					c.Extra = append(c.Extra, &postgres.Concurrently{})
				}
			case *schema.DropIndex:
				if which.Drop {
					c.Extra = append(c.Extra, &postgres.Concurrently{})
				}
			}
		}
	}
}

func statements(plan *migrate.Plan) (*Changes, error) {
	c := &Changes{}
	for _, change := range plan.Changes {
		reverse, err := change.ReverseStmts()
		if err != nil {
			return nil, fmt.Errorf("reverse of %s: %w", change.Cmd, err)
		}
		c.Statements = append(c.Statements, Statement{
			SQL:     change.Cmd,
			Outside: concurrent.MatchString(change.Cmd),
			Alone:   addValue.MatchString(change.Cmd),
			Reverse: slices.Clone(reverse),
			What:    change.Comment,
		})
	}
	return c, nil
}
