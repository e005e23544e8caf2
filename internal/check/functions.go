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

func (b *block) call(f *pgquery.FuncCall) (verdict, string) {
	name := lastOf(f.GetFuncname())
	switch {
	case slices.Contains(neverNull, name):
		return no, ""
	case name == "first_value" || name == "last_value" || name == "ntile":
		return unknown, ""
	case (name == "lag" || name == "lead") && len(f.GetArgs()) < 3, name == "nth_value":
		return yes, name + " may find no row"
	case aggregates[name] != 0:
		return b.aggregate(f, name)
	case b.c.tables.strict[name]:
		if v, why := b.strict(f.GetArgs()); v == yes {
			return yes, why
		}
	}
	return unknown, ""
}

func (b *block) aggregate(f *pgquery.FuncCall, name string) (verdict, string) {
	switch {
	case f.GetOver() != nil:
		return unknown, ""
	case f.GetAggFilter() != nil && (b.grouped || !b.having):
		return yes, name + " with FILTER may see no row"
	case !b.grouped && !b.having:
		return yes, name + " without GROUP BY gives null when there is no row"
	case !b.grouped:
		return unknown, "" // HAVING may demand a row
	case aggregates[name] == follows && len(f.GetArgs()) > 0:
		return b.expr(f.GetArgs()[0])
	case aggregates[name] == collects:
		return no, ""
	}
	return unknown, ""
}

func (b *block) operator(e *pgquery.A_Expr) (verdict, string) {
	args := []*pgquery.Node{e.GetLexpr(), e.GetRexpr()}
	switch e.GetKind() {
	case pgquery.A_Expr_Kind_AEXPR_DISTINCT, pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return no, ""
	case pgquery.A_Expr_Kind_AEXPR_NULLIF:
		return yes, "NULLIF"
	case pgquery.A_Expr_Kind_AEXPR_OP:
	default:
		return unknown, ""
	}
	if e.GetLexpr() == nil {
		args = args[1:]
	}
	switch lastOf(e.GetName()) {
	case "||":
		return unknown, "" // arrays are joined with null
	case "->", "->>", "#>", "#>>":
		return yes, "the key may be absent"
	}
	v, why := b.strict(args)
	if v == yes {
		return yes, why
	}
	return unknown, ""
}
