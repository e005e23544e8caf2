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
	case b.isKey(n):
		return yes, groupKey
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
		return b.boolExpr(n.GetBoolExpr())
	case n.GetCaseExpr() != nil:
		return b.caseExpr(n.GetCaseExpr())
	case n.GetSubLink() != nil:
		return b.subLink(n.GetSubLink())
	case n.GetFuncCall() != nil:
		return b.call(n.GetFuncCall())
	case n.GetAExpr() != nil:
		return b.operator(n.GetAExpr())
	case n.GetParamRef() != nil:
		return b.argumentAt(int(n.GetParamRef().GetNumber()))
	case n.GetAIndirection() != nil:
		return b.indirection(n.GetAIndirection())
	case n.GetJsonFuncExpr() != nil && n.GetJsonFuncExpr().GetOp() != pgquery.JsonExprOp_JSON_EXISTS_OP:
		return yes, "the path may lead nowhere"
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
			return b.column(s, o, up)
		}
		for _, s := range up.sources {
			if s.alias == table && table != "" && s.outer && !b.shown(up, s.alias+".") {
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

// boolExpr is null when no argument decides it and one is null. An argument is
// looked at with what the tests for null among the others leave possible.
func (b *block) boolExpr(e *pgquery.BoolExpr) (verdict, string) {
	result := no
	for i, arg := range e.GetArgs() {
		var v verdict
		var why string
		b.given(func() {
			for j, other := range e.GetArgs() {
				switch {
				case i == j || other.GetNullTest() == nil:
				case e.GetBoolop() == pgquery.BoolExprType_AND_EXPR:
					b.prove(other)
				default:
					b.refute(other)
				}
			}
		}, func() { v, why = b.expr(arg) })
		switch v {
		case yes:
			return yes, why
		case unknown:
			result = unknown
		case no:
		}
	}
	return result, ""
}

// caseExpr is null when a branch is. A column that the branch's condition, or
// one before it, speaks of is no evidence: what the test shows is not looked at.
func (b *block) caseExpr(e *pgquery.CaseExpr) (verdict, string) {
	if e.GetDefresult() == nil {
		return yes, "CASE without ELSE"
	}
	result, reason := no, ""
	b.given(func() { b.mentioned(e.GetArg()) }, func() {
		look := func(branch *pgquery.Node) {
			switch v, why := b.expr(branch); {
			case branch.GetAConst().GetIsnull():
				result, reason = yes, "a branch of CASE is NULL"
			case v == yes && result != yes:
				result, reason = yes, why
			case v == unknown && result == no:
				result = unknown
			}
		}
		for _, w := range e.GetArgs() {
			b.mentioned(w.GetCaseWhen().GetExpr())
			look(w.GetCaseWhen().GetResult())
		}
		look(e.GetDefresult())
	})
	return result, reason
}

// indirection is a subscript, or a field of a composite value.
func (b *block) indirection(i *pgquery.A_Indirection) (verdict, string) {
	if v, why := b.expr(i.GetArg()); v == yes {
		return yes, why
	}
	for _, n := range i.GetIndirection() {
		if x := n.GetAIndices(); x != nil && !x.GetIsSlice() {
			return yes, "the subscript may lead nowhere"
		}
		if field := n.GetString_().GetSval(); field != "" {
			return b.field(i.GetArg().GetFuncCall(), field)
		}
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
	case pgquery.SubLinkType_ANY_SUBLINK, pgquery.SubLinkType_ALL_SUBLINK:
		if v, why := b.expr(l.GetTestexpr()); v == yes {
			return yes, why
		}
		if columns := b.statement(l.GetSubselect()); len(columns) == 1 && columns[0].null == yes {
			return yes, columns[0].why
		}
	default: // the others do not stand in a query's text
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
