package atlas

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"ariga.io/atlas/schemahcl"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/jackc/pgx/v5"
	"github.com/zclconf/go-cty/cty"
)

// dataSQL evaluates a block `data "sql" "name" { url, query, args }` as Atlas's
// command line does: one column, as the attributes count, value and values. The
// connection can only read.
func (l *loader) dataSQL(ctx context.Context, eval *hcl.EvalContext, block *hclsyntax.Block) (cty.Value, error) {
	value, err := querySQL(ctx, eval, block)
	if err != nil {
		if diags, ok := errors.AsType[hcl.Diagnostics](err); ok {
			return cty.NilVal, diags
		}
		subject := block.DefRange()
		return cty.NilVal, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: dataSummary + "sql." + block.Labels[1], Detail: err.Error(), Subject: &subject,
		}}
	}
	return value, nil
}

func querySQL(ctx context.Context, eval *hcl.EvalContext, block *hclsyntax.Block) (cty.Value, error) {
	var in struct {
		URL   string    `hcl:"url"`
		Query string    `hcl:"query"`
		Args  cty.Value `hcl:"args,optional"`
	}
	if diags := gohcl.DecodeBody(block.Body, eval, &in); diags.HasErrors() {
		return cty.NilVal, diags
	}
	args, err := sqlArgs(in.Args)
	if err != nil {
		return cty.NilVal, err
	}
	config, err := pgx.ParseConfig(in.URL)
	if err != nil {
		return cty.NilVal, errors.New("url is no connection string of PostgreSQL") // err may hold the password.
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	config.RuntimeParams["statement_timeout"] = "30s"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return cty.NilVal, fmt.Errorf("connect to %s: no answer, or not let in", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
	}
	values, err := oneColumn(ctx, conn, in.Query, args)
	if err := errors.Join(err, conn.Close(context.WithoutCancel(ctx))); err != nil {
		return cty.NilVal, err
	}
	object := map[string]cty.Value{
		"count":  cty.NumberIntVal(int64(len(values))),
		"values": cty.ListValEmpty(cty.String),
		"value":  cty.NullVal(cty.String),
	}
	if len(values) > 0 {
		object["value"], object["values"] = values[0], cty.ListVal(values)
	}
	return cty.ObjectVal(object), nil
}

func sqlArgs(list cty.Value) ([]any, error) {
	if list == cty.NilVal || list.IsNull() {
		return nil, nil
	}
	if !list.CanIterateElements() {
		return nil, errors.New("args is no list")
	}
	var args []any
	for _, v := range list.AsValueSlice() {
		switch {
		case v.IsNull() || !v.IsKnown():
			return nil, errors.New("args holds a null")
		case v.Type() == cty.String:
			args = append(args, v.AsString())
		case v.Type() == cty.Number:
			f, _ := v.AsBigFloat().Float64()
			args = append(args, f)
		case v.Type() == cty.Bool:
			args = append(args, v.True())
		default:
			return nil, errors.New("args holds something other than strings, numbers and booleans")
		}
	}
	return args, nil
}

func oneColumn(ctx context.Context, conn *pgx.Conn, query string, args []any) ([]cty.Value, error) {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	var values []cty.Value
	for rows.Next() {
		fields, err := rows.Values()
		if err != nil {
			return nil, fmt.Errorf("query: %w", err)
		}
		if len(fields) != 1 {
			return nil, fmt.Errorf("query gives %d columns, and must give one", len(fields))
		}
		v, err := ctyOf(fields[0])
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return values, nil
}

func ctyOf(v any) (cty.Value, error) {
	switch v := v.(type) {
	case bool:
		return cty.BoolVal(v), nil
	case int16:
		return cty.NumberIntVal(int64(v)), nil
	case int32:
		return cty.NumberIntVal(int64(v)), nil
	case int64:
		return cty.NumberIntVal(v), nil
	case float64:
		return cty.NumberFloatVal(v), nil
	case string:
		return cty.StringVal(v), nil
	case []byte:
		return cty.StringVal(string(v)), nil
	}
	return cty.NilVal, fmt.Errorf("query gives a value of type %T: cast it to text", v)
}

// otherSources registers the data sources of Atlas that Bailiwick has no use
// for, so that a file with them loads as long as nothing here refers to one.
func otherSources(body *hclsyntax.Body) []schemahcl.Option {
	var options []schemahcl.Option
	seen := map[string]bool{"sql": true}
	for _, b := range body.Blocks {
		if b.Type != blockData || len(b.Labels) < 2 || seen[b.Labels[0]] {
			continue
		}
		kind := b.Labels[0]
		seen[kind] = true
		options = append(options, schemahcl.WithDataSource(kind,
			func(_ context.Context, _ *hcl.EvalContext, b *hclsyntax.Block) (cty.Value, error) {
				subject := b.DefRange()
				return cty.NilVal, hcl.Diagnostics{{
					Severity: hcl.DiagError, Summary: dataSummary + kind, Subject: &subject,
					Detail: `Of the data sources, Bailiwick evaluates "sql" only; use getenv, or a variable.`,
				}}
			}))
	}
	return options
}
