package check

import (
	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// prove notes the columns that a true condition shows to be not null.
func (b *block) prove(n *pgquery.Node) {
	switch {
	case n.GetBoolExpr() != nil && n.GetBoolExpr().GetBoolop() == pgquery.BoolExprType_AND_EXPR:
		for _, arg := range n.GetBoolExpr().GetArgs() {
			b.prove(arg)
		}
	case n.GetNullTest() != nil && n.GetNullTest().GetNulltesttype() == pgquery.NullTestType_IS_NOT_NULL:
		b.proven(n.GetNullTest().GetArg())
	case n.GetAExpr() != nil:
		e := n.GetAExpr()
		switch e.GetKind() {
		case pgquery.A_Expr_Kind_AEXPR_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NULLIF:
			return
		default: // the others are strict
		}
		b.proven(e.GetLexpr())
		b.proven(e.GetRexpr())
	case n.GetColumnRef() != nil:
		b.proven(n)
	}
}

func (b *block) proven(n *pgquery.Node) {
	table, column, ok := reference(n.GetColumnRef())
	if !ok {
		return
	}
	b.notNull[table+"."+column] = true
	if s, _ := b.lookup(table, column); s != nil {
		s.outer = false // a row made of nulls would not have passed
		b.notNull[s.alias+"."+column] = true
	}
}
