package check

import (
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// expr says whether an expression can be null.
func (b *block) expr(n *pgquery.Node) (verdict, string) {
	switch {
	case n == nil:
		return unknown, ""
	case n.GetColumnRef() != nil:
		return b.columnRef(n.GetColumnRef())
	case n.GetAConst() != nil:
		if n.GetAConst().GetIsnull() {
			return yes, "it is NULL"
		}
		return no, ""
	case n.GetTypeCast() != nil:
		return b.expr(n.GetTypeCast().GetArg())
	case n.GetCollateClause() != nil:
		return b.expr(n.GetCollateClause().GetArg())
	case n.GetNullTest() != nil, n.GetBooleanTest() != nil, n.GetSqlvalueFunction() != nil,
		n.GetAArrayExpr() != nil, n.GetRowExpr() != nil, n.GetGroupingFunc() != nil:
		return no, ""
	case n.GetCoalesceExpr() != nil:
		return b.coalesce(n.GetCoalesceExpr().GetArgs())
	case n.GetMinMaxExpr() != nil:
		return b.coalesce(n.GetMinMaxExpr().GetArgs()) // null only when all are
	case n.GetBoolExpr() != nil:
		return b.strict(n.GetBoolExpr().GetArgs())
	case n.GetCaseExpr() != nil:
		return b.caseExpr(n.GetCaseExpr())
	case n.GetSubLink() != nil:
		return b.subLink(n.GetSubLink())
	case n.GetFuncCall() != nil:
		return b.call(n.GetFuncCall())
	case n.GetAExpr() != nil:
		return b.operator(n.GetAExpr())
	}
	return unknown, ""
}

func (b *block) columnRef(r *pgquery.ColumnRef) (verdict, string) {
	table, column, ok := reference(r)
	if !ok {
		return unknown, ""
	}
	for up := b; up != nil; up = up.parent {
		if table == "" && up.merged[column] {
			return unknown, ""
		}
		if s, o := up.lookup(table, column); s != nil {
			return up.column(s, o)
		}
		for _, s := range up.sources {
			if s.alias == table && table != "" && s.outer {
				return yes, "an outer join may have no row of " + table
			}
		}
	}
	return unknown, ""
}

// strict is for what gives null for any null argument.
func (b *block) strict(args []*pgquery.Node) (verdict, string) {
	all := no
	for _, a := range args {
		v, why := b.expr(a)
		if v == yes {
			return yes, why
		}
		if v == unknown {
			all = unknown
		}
	}
	return all, ""
}

func (b *block) coalesce(args []*pgquery.Node) (verdict, string) {
	result, reason := yes, ""
	for _, a := range args {
		v, why := b.expr(a)
		if v == no {
			return no, ""
		}
		if v == unknown {
			result = unknown
		}
		reason = why
	}
	return result, reason
}

func (b *block) caseExpr(e *pgquery.CaseExpr) (verdict, string) {
	if e.GetDefresult() == nil {
		return yes, "CASE without ELSE"
	}
	branches := []*pgquery.Node{e.GetDefresult()}
	for _, w := range e.GetArgs() {
		branches = append(branches, w.GetCaseWhen().GetResult())
	}
	for _, branch := range branches {
		if branch.GetAConst().GetIsnull() {
			return yes, "a branch of CASE is NULL"
		}
	}
	// What a branch's condition proves is not looked at, so a column that can
	// be null is no evidence here.
	if v, _ := b.strict(branches); v == no {
		return no, ""
	}
	return unknown, ""
}

func (b *block) subLink(l *pgquery.SubLink) (verdict, string) {
	switch l.GetSubLinkType() {
	case pgquery.SubLinkType_EXISTS_SUBLINK, pgquery.SubLinkType_ARRAY_SUBLINK:
		return no, ""
	case pgquery.SubLinkType_EXPR_SUBLINK:
		sel := l.GetSubselect().GetSelectStmt()
		columns := b.statement(l.GetSubselect())
		if !oneRow(sel) {
			return yes, "a subquery may have no row"
		}
		if len(columns) == 1 {
			return columns[0].null, columns[0].why
		}
	default: // ANY and ALL: whether they are null depends on the rows
	}
	return unknown, ""
}

// oneRow is true for a SELECT that always gives a row: an aggregate without
// GROUP BY, or one without FROM.
func oneRow(s *pgquery.SelectStmt) bool {
	if s == nil || len(s.GetGroupClause()) > 0 || s.GetHavingClause() != nil || s.GetLarg() != nil || s.GetLimitOffset() != nil {
		return false
	}
	if len(s.GetFromClause()) == 0 && s.GetWhereClause() == nil {
		return true
	}
	for _, t := range s.GetTargetList() {
		if hasAggregate(t.GetResTarget().GetVal()) {
			return true
		}
	}
	return false
}

// hasAggregate looks for an aggregate through casts, coalesce and operators.
func hasAggregate(n *pgquery.Node) bool {
	switch {
	case n == nil:
		return false
	case n.GetTypeCast() != nil:
		return hasAggregate(n.GetTypeCast().GetArg())
	case n.GetCoalesceExpr() != nil:
		return slices.ContainsFunc(n.GetCoalesceExpr().GetArgs(), hasAggregate)
	case n.GetAExpr() != nil:
		return hasAggregate(n.GetAExpr().GetLexpr()) || hasAggregate(n.GetAExpr().GetRexpr())
	case n.GetFuncCall() != nil:
		f := n.GetFuncCall()
		name := lastOf(f.GetFuncname())
		return f.GetOver() == nil && (aggregates[name] != 0 || name == "count") || slices.ContainsFunc(f.GetArgs(), hasAggregate)
	}
	return false
}
