package check

import (
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

type aggregate int

const (
	follows   aggregate = iota + 1 // null when all its arguments are
	collects                       // null only without any row
	uncertain                      // null in other cases too
)

// aggregates are those that give null when there is no row.
var aggregates = map[string]aggregate{
	"sum": follows, "avg": follows, "min": follows, "max": follows, "bool_and": follows, "bool_or": follows,
	"every": follows, "bit_and": follows, "bit_or": follows, "bit_xor": follows, "string_agg": follows,
	"any_value": follows, "range_agg": follows, "range_intersect_agg": follows, "xmlagg": follows,
	"array_agg": collects, "json_agg": collects, "jsonb_agg": collects,
	"json_object_agg": collects, "jsonb_object_agg": collects,
	"stddev": uncertain, "stddev_pop": uncertain, "stddev_samp": uncertain, "variance": uncertain,
	"var_pop": uncertain, "var_samp": uncertain, "corr": uncertain, "covar_pop": uncertain, "covar_samp": uncertain,
	"mode": uncertain, "percentile_cont": uncertain, "percentile_disc": uncertain,
}

// neverNull are functions that give a value whatever their arguments are.
var neverNull = []string{
	"count", "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "gen_random_uuid", "random",
	"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "concat", "concat_ws", "num_nulls", "num_nonnulls",
	"jsonb_build_object", "json_build_object", "jsonb_build_array", "json_build_array", "to_json", "row_to_json",
}

// mayBeNull are functions that can give null for arguments that are not, and
// when they do.
var mayBeNull = map[string]string{
	"array_length": emptyArray, "array_upper": emptyArray, "array_lower": emptyArray,
	"array_ndims": emptyArray, "array_dims": emptyArray, "array_position": "without such an element",
	"regexp_match": "without a match", "regexp_substr": "without a match",
	"jsonb_path_query_first": noPath, "jsonb_path_query_first_tz": noPath, "jsonb_path_match": noPath,
	"jsonb_path_match_tz": noPath, "jsonb_extract_path": noPath, "jsonb_extract_path_text": noPath,
	"json_extract_path": noPath, "json_extract_path_text": noPath,
	"jsonb_array_elements_text": "for a null of JSON", "json_array_elements_text": "for a null of JSON",
	"nth_value": "without such a row",
}

const (
	emptyArray = "of an empty array"
	noPath     = "when the path leads nowhere"
)

func (b *block) call(f *pgquery.FuncCall) (verdict, string) {
	schema, name := qualified(f.GetFuncname())
	switch own := b.routines(schema, name, len(f.GetArgs())); {
	case len(own) > 0:
		return b.ownCall(f, name, own)
	case schema == publicSchema: // an extension's
		if v, why := b.strict(f.GetArgs()); v == yes && b.c.tables.strict["public."+name] {
			return yes, why
		}
		return unknown, ""
	case slices.Contains(neverNull, name):
		return no, ""
	case name == "first_value" || name == "last_value":
		return evidence(b.strict(f.GetArgs()))
	case name == "ntile":
		return unknown, ""
	case (name == "lag" || name == "lead") && len(f.GetArgs()) < 3:
		return yes, name + " may find no row"
	case mayBeNull[name] != "":
		return yes, name + " gives null " + mayBeNull[name]
	case name == "substring" && b.byPattern(f.GetArgs()):
		return yes, "substring gives null without a match"
	case (name == "lower" || name == "upper") && b.isRange(f.GetArgs()):
		return yes, "the range may have no bound there"
	case aggregates[name] != 0:
		return b.aggregate(f, name)
	case b.c.tables.strict["pg_catalog."+name]:
		return evidence(b.strict(f.GetArgs()))
	}
	return unknown, ""
}

// evidence keeps a verdict only if it is that something can be null.
func evidence(v verdict, why string) (verdict, string) {
	if v == yes {
		return yes, why
	}
	return unknown, ""
}

// byPattern tells substring with a regular expression from that with positions.
func (b *block) byPattern(args []*pgquery.Node) bool {
	if len(args) < 2 {
		return false
	}
	second := args[1]
	if t := b.c.types.base(b.typeOf(second)); t != nil {
		return t.Category == "S"
	}
	return second.GetAConst().GetSval() != nil || second.GetParamRef() != nil ||
		lastOf(second.GetFuncCall().GetFuncname()) == "similar_to_escape"
}

func (b *block) isRange(args []*pgquery.Node) bool {
	if len(args) != 1 {
		return false
	}
	t := b.c.types.base(b.typeOf(args[0]))
	return t != nil && t.Category == "R"
}

// ofRows runs look as the arguments of an aggregate are seen: those that pass
// its FILTER, and values of rows, not of groups.
func (b *block) ofRows(f *pgquery.FuncCall, look func()) {
	if f.GetOver() == nil {
		keys := b.keys
		b.keys = nil
		defer func() { b.keys = keys }()
	}
	b.given(func() { b.prove(f.GetAggFilter()) }, look)
}

func (b *block) aggregate(f *pgquery.FuncCall, name string) (verdict, string) {
	var v verdict
	var why string
	b.ofRows(f, func() {
		if len(f.GetArgs()) > 0 {
			v, why = b.expr(f.GetArgs()[0])
		}
	})
	switch {
	case f.GetAggFilter() != nil && (f.GetOver() != nil || b.grouped || !b.having):
		return yes, name + " with FILTER may see no row"
	case f.GetOver() != nil && aggregates[name] == follows:
		return evidence(v, why)
	case f.GetOver() != nil:
		return unknown, ""
	case !b.grouped && !b.having && len(b.keys) > 0:
		return yes, name + " of all rows gives null when there is none"
	case !b.grouped && !b.having:
		return yes, name + " without GROUP BY gives null when there is no row"
	case !b.grouped:
		return unknown, "" // HAVING may demand a row
	case aggregates[name] == follows:
		return v, why
	case aggregates[name] == collects:
		return no, ""
	}
	return unknown, ""
}

func (b *block) operator(e *pgquery.A_Expr) (verdict, string) {
	args := []*pgquery.Node{e.GetLexpr(), e.GetRexpr()}
	if e.GetLexpr() == nil {
		args = args[1:]
	}
	switch e.GetKind() {
	case pgquery.A_Expr_Kind_AEXPR_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return no, ""
	case pgquery.A_Expr_Kind_AEXPR_NULLIF:
		return yes, "NULLIF"
	case pgquery.A_Expr_Kind_AEXPR_OP:
		switch lastOf(e.GetName()) {
		case "||":
			return b.concatenation(args)
		case "->", "->>", "#>", "#>>":
			return yes, "the key may be absent"
		}
	default: // IN, LIKE, BETWEEN, ANY and ALL
		if list := e.GetRexpr().GetList(); list != nil {
			args = append([]*pgquery.Node{e.GetLexpr()}, list.GetItems()...)
		}
	}
	return evidence(b.strict(args))
}

// concatenation is strict for text and JSON; arrays are joined with null.
func (b *block) concatenation(args []*pgquery.Node) (verdict, string) {
	if strict, array := b.joined(args); strict && !array {
		return evidence(b.strict(args))
	}
	return unknown, ""
}

func (b *block) joined(args []*pgquery.Node) (strict, array bool) {
	for _, n := range args {
		s, a := false, false
		if e := n.GetAExpr(); e != nil && lastOf(e.GetName()) == "||" {
			s, a = b.joined([]*pgquery.Node{e.GetLexpr(), e.GetRexpr()})
		} else if t := b.c.types.base(b.typeOf(n)); t != nil {
			s, a = t.Category == "S" || t.Name == "jsonb", t.Category == "A"
		}
		strict, array = strict || s, array || a
	}
	return strict, array
}

// qualified reads a function's name.
func qualified(names []*pgquery.Node) (schema, name string) {
	if len(names) > 1 {
		schema = names[len(names)-2].GetString_().GetSval()
	}
	return schema, lastOf(names)
}
