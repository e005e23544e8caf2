package planfile

import (
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// check refuses what can't work in a step of its kind.
func (p *parser) check(line int, step *plan.Step, n *pgquery.Node) {
	if n.GetTransactionStmt() != nil {
		p.reportf(line, ruleStatement, "remove it; -- bailiwick:transaction begins the next transaction", "BEGIN, COMMIT and the like: each step is a transaction of its own")
		return
	}
	alone, what := needsOutside(n)
	params := parameters(n.ProtoReflect())
	switch step.Kind {
	case plan.Backfill:
		p.checkBackfill(line, n, params)
		return
	case plan.Outside:
		p.checkOutside(line, n, alone)
	case plan.InTransaction:
		if alone {
			p.reportf(line, ruleStatement, "write -- bailiwick:outside above it", "%s can't run in a transaction", what)
		}
	}
	if len(params) > 0 {
		p.reportf(line, ruleStatement, "write the value itself; $1 and $2 are for -- bailiwick:backfill", "a statement with parameters outside of a backfill")
	}
}

func (p *parser) checkBackfill(line int, n *pgquery.Node, params []int) {
	if n.GetUpdateStmt() == nil && n.GetInsertStmt() == nil && n.GetDeleteStmt() == nil && n.GetMergeStmt() == nil {
		p.reportf(line, ruleBackfill, "write an UPDATE, INSERT, DELETE or MERGE; DDL belongs to a transaction step", "a backfill that writes no rows")
	}
	if !slices.Equal(params, []int{1, 2}) {
		p.reportf(line, ruleBackfill, "bound the rows: WHERE id BETWEEN $1 AND $2, the first and the last key of a batch",
			"a backfill has the parameters $1 and $2, and no others")
	}
}

// checkOutside lets pass what can be done again after a crash in between.
func (p *parser) checkOutside(line int, n *pgquery.Node, alone bool) {
	switch {
	case !alone:
		p.reportf(line, ruleStatement, "remove -- bailiwick:outside, or write -- bailiwick:transaction in its place", "a statement that can run in a transaction stands outside of one")
	case n.GetIndexStmt() != nil && n.GetIndexStmt().GetIdxname() == "":
		p.reportf(line, ruleStatement, "name the index, so that it is found again after a crash", "CREATE INDEX CONCURRENTLY without a name")
	case n.GetAlterTableStmt() != nil:
		p.reportf(line, ruleStatement, "detach without CONCURRENTLY, in a transaction", "DETACH PARTITION CONCURRENTLY can't be done again after a crash in between")
	}
}

// needsOutside tells the statements that PostgreSQL refuses in a transaction.
func needsOutside(n *pgquery.Node) (alone bool, what string) {
	switch {
	case n.GetIndexStmt().GetConcurrent():
		return true, "CREATE INDEX CONCURRENTLY"
	case n.GetDropStmt().GetConcurrent():
		return true, "DROP INDEX CONCURRENTLY"
	case n.GetVacuumStmt().GetIsVacuumcmd():
		return true, "VACUUM"
	}
	for _, param := range n.GetReindexStmt().GetParams() {
		if param.GetDefElem().GetDefname() == "concurrently" {
			return true, "REINDEX CONCURRENTLY"
		}
	}
	for _, cmd := range n.GetAlterTableStmt().GetCmds() {
		if cmd.GetAlterTableCmd().GetDef().GetPartitionCmd().GetConcurrent() {
			return true, "DETACH PARTITION CONCURRENTLY"
		}
	}
	return false, ""
}

// parameters lists the numbers of a statement's parameters, once each.
func parameters(m protoreflect.Message) (list []int) {
	if ref, ok := m.Interface().(*pgquery.ParamRef); ok {
		return []int{int(ref.GetNumber())}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case !fd.IsList():
			list = append(list, parameters(v.Message())...)
		default:
			for i := range v.List().Len() {
				list = append(list, parameters(v.List().Get(i).Message())...)
			}
		}
		return true
	})
	slices.Sort(list)
	return slices.Compact(list)
}
