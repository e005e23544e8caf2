package rollout

import (
	"errors"
	"fmt"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// checkSteps refuses what can't be run so that a crash is borne.
func checkSteps(p *plan.Plan) error {
	for i, step := range p.Steps {
		if err := checkStep(step); err != nil {
			return fmt.Errorf("the plan for %s schemas at %s, step %d: %w", p.Scope, p.From, i+1, err)
		}
	}
	return nil
}

func checkStep(step plan.Step) error {
	switch step.Kind {
	case plan.Backfill:
		if len(step.Statements) != 1 || step.Table == "" || step.Key == "" {
			return errors.New("a backfill is one statement with a table and a key")
		}
	case plan.Outside:
		for _, s := range step.Statements {
			if _, err := parseOutside(s); err != nil {
				return err
			}
		}
		return nil
	case plan.InTransaction:
	}
	for _, s := range step.Statements {
		if err := checkInside(s); err != nil {
			return err
		}
	}
	return nil
}

// checkInside refuses statements that end the transaction that they run in.
func checkInside(statement string) error {
	tree, err := pg_query.Parse(statement)
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	for _, s := range tree.GetStmts() {
		if s.GetStmt().GetTransactionStmt() != nil {
			return fmt.Errorf("%s: steps are transactions already; leave this out", strings.TrimSpace(statement))
		}
	}
	return nil
}

// outsideStatement is what is known of a statement outside of transactions.
type outsideStatement struct {
	// index is the one that the statement makes or drops; empty for other
	// statements, which can be run again as they are.
	index string
	drops bool
	// table is the one that gets the index; empty for other statements.
	table string
}

// parseOutside refuses statements of which nobody could tell, after a crash,
// whether they were done.
func parseOutside(statement string) (outsideStatement, error) {
	tree, err := pg_query.Parse(statement)
	if err != nil {
		return outsideStatement{}, fmt.Errorf("%s: %w", statement, err)
	}
	if len(tree.GetStmts()) != 1 {
		return outsideStatement{}, fmt.Errorf("%s: one statement at a time, outside of a transaction", statement)
	}
	node := tree.GetStmts()[0].GetStmt()
	switch {
	case node.GetIndexStmt() != nil:
		index := node.GetIndexStmt()
		if index.GetIdxname() == "" {
			return outsideStatement{}, fmt.Errorf("%s: give the index a name, by which it is found again", statement)
		}
		return outsideStatement{index: index.GetIdxname(), table: index.GetRelation().GetRelname()}, nil
	case node.GetDropStmt().GetRemoveType() == pg_query.ObjectType_OBJECT_INDEX && len(node.GetDropStmt().GetObjects()) == 1:
		parts := node.GetDropStmt().GetObjects()[0].GetList().GetItems()
		return outsideStatement{index: parts[len(parts)-1].GetString_().GetSval(), drops: true}, nil
	case node.GetReindexStmt() != nil, node.GetVacuumStmt() != nil, node.GetRefreshMatViewStmt() != nil,
		node.GetAlterEnumStmt().GetSkipIfNewValExists():
		return outsideStatement{}, nil
	}
	return outsideStatement{}, fmt.Errorf("%s: outside of a transaction go CREATE, DROP and REINDEX INDEX CONCURRENTLY, VACUUM, "+
		"REFRESH MATERIALIZED VIEW and ALTER TYPE ... ADD VALUE IF NOT EXISTS, since these can be run again after a crash", statement)
}
