package check

import (
	"maps"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// facts are what conditions have shown of a block's columns: "table.column" is
// not null, and "table." has a row, though it stands in an outer join.
type facts map[string]bool

// given runs f with what note adds to the block's facts.
func (b *block) given(note, f func()) {
	before := b.notNull
	b.notNull = maps.Clone(before)
	note()
	f()
	b.notNull = before
}

// prove notes the columns that a true condition shows to be not null.
func (b *block) prove(n *pgquery.Node) {
	switch {
	case n.GetBoolExpr() != nil:
		args := n.GetBoolExpr().GetArgs()
		switch n.GetBoolExpr().GetBoolop() {
		case pgquery.BoolExprType_AND_EXPR:
			for _, arg := range args {
				b.prove(arg)
			}
		case pgquery.BoolExprType_NOT_EXPR:
			b.refute(args[0])
		default: // one of the arguments of OR is true, and which is not known
		}
	case n.GetNullTest() != nil && n.GetNullTest().GetNulltesttype() == pgquery.NullTestType_IS_NOT_NULL:
		b.proven(n.GetNullTest().GetArg())
	case n.GetAExpr() != nil:
		if n.GetAExpr().GetKind() != pgquery.A_Expr_Kind_AEXPR_OP_ALL { // true for an empty array
			b.proveOperands(n.GetAExpr())
		}
	case n.GetColumnRef() != nil:
		b.proven(n)
	}
}

// refute notes the columns that a false condition shows to be not null.
func (b *block) refute(n *pgquery.Node) {
	switch {
	case n.GetBoolExpr() != nil:
		args := n.GetBoolExpr().GetArgs()
		switch n.GetBoolExpr().GetBoolop() {
		case pgquery.BoolExprType_OR_EXPR:
			for _, arg := range args {
				b.refute(arg)
			}
		case pgquery.BoolExprType_NOT_EXPR:
			b.prove(args[0])
		default: // one of the arguments of AND is false, and which is not known
		}
	case n.GetNullTest() != nil && n.GetNullTest().GetNulltesttype() == pgquery.NullTestType_IS_NULL:
		b.proven(n.GetNullTest().GetArg())
	case n.GetAExpr() != nil:
		if n.GetAExpr().GetKind() != pgquery.A_Expr_Kind_AEXPR_OP_ANY { // false for an empty array
			b.proveOperands(n.GetAExpr())
		}
	case n.GetColumnRef() != nil:
		b.proven(n)
	}
}

// proveOperands notes the operands of an operator that gave true or false.
func (b *block) proveOperands(e *pgquery.A_Expr) {
	switch e.GetKind() {
	case pgquery.A_Expr_Kind_AEXPR_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NULLIF:
		return
	default: // the others are strict
	}
	b.proven(e.GetLexpr())
	b.proven(e.GetRexpr())
}

func (b *block) proven(n *pgquery.Node) {
	table, column, ok := reference(n.GetColumnRef())
	if !ok {
		return
	}
	b.notNull[table+"."+column] = true
	for up := b; up != nil; up = up.parent {
		if s, _ := up.lookup(table, column); s != nil {
			b.notNull[s.alias+"."] = true // a row made of nulls would not have passed
			b.notNull[s.alias+"."+column] = true
			return
		}
	}
}

// shown is true when a block between b and up, where the name belongs, has the fact.
func (b *block) shown(up *block, fact string) bool {
	for ; b != nil; b = b.parent {
		if b.notNull[fact] || b == up {
			return b.notNull[fact]
		}
	}
	return false
}

// mentioned notes all columns that a condition speaks of. It is for CASE, where
// a column that is tested is no evidence, whatever the test shows.
func (b *block) mentioned(n *pgquery.Node) {
	if n == nil {
		return
	}
	visit(n.ProtoReflect(), func(m protoreflect.Message) {
		if inner, ok := m.Interface().(*pgquery.Node); ok && b.isKey(inner) {
			b.notNull[b.key(inner)] = true
		}
		if r, ok := m.Interface().(*pgquery.ColumnRef); ok {
			b.proven(&pgquery.Node{Node: &pgquery.Node_ColumnRef{ColumnRef: r}})
		}
	})
}

// visit calls f with a message and with every one inside it.
func visit(m protoreflect.Message, f func(protoreflect.Message)) {
	f(m)
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				visit(v.List().Get(i).Message(), f)
			}
		default:
			visit(v.Message(), f)
		}
		return true
	})
}
