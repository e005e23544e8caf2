// Package convert knows how values pass between SQL and the API: which SQL
// types and schemas go together, and which functions of package rest turn the
// Go type of one side into that of the other. It imports the standard library
// and the generator's models of Go, SQL and OpenAPI.
package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
)

// Kind is what a value means, whatever its Go type on either side.
type Kind string

// The kinds of values.
const (
	Int16     Kind = "a 16-bit integer"
	Int32     Kind = "a 32-bit integer"
	Int64     Kind = "a 64-bit integer"
	Float32   Kind = "a 32-bit float"
	Float64   Kind = "a 64-bit float"
	Decimal   Kind = "a decimal"
	Text      Kind = "text"
	Enum      Kind = "an enum"
	Boolean   Kind = "a boolean"
	UUID      Kind = "a UUID"
	Date      Kind = "a date"
	Time      Kind = "a time of day"
	Timestamp Kind = "a point in time"
	Interval  Kind = "an interval"
	Bytes     Kind = "bytes"
	JSON      Kind = "JSON"
	Network   Kind = "a network address"
	Unknown   Kind = "unknown"
)

var kinds = map[string]Kind{
	"smallint": Int16, "int2": Int16, "smallserial": Int16, "serial2": Int16,
	"integer": Int32, "int": Int32, "int4": Int32, "serial": Int32, "serial4": Int32,
	"bigint": Int64, "int8": Int64, "bigserial": Int64, "serial8": Int64,
	"real": Float32, "float4": Float32,
	"float": Float64, "float8": Float64, "double precision": Float64,
	"numeric": Decimal, "decimal": Decimal,
	"text": Text, "varchar": Text, "bpchar": Text, "char": Text, "character varying": Text, "character": Text,
	"string": Text, "citext": Text, "name": Text, "ltree": Text, "lquery": Text, "ltxtquery": Text,
	"boolean": Boolean, "bool": Boolean,
	"uuid": UUID,
	"date": Date,
	"time": Time, "time without time zone": Time,
	"timestamptz": Timestamp, "timestamp": Timestamp, "timestamp with time zone": Timestamp, "timestamp without time zone": Timestamp,
	"interval": Interval,
	"bytea":    Bytes,
	"json":     JSON, "jsonb": JSON,
	"inet": Network, "cidr": Network,
}

// byBasic are the kinds of types that are unknown, such as domains, by the Go
// type that an override in sqlc.yaml gives them.
var byBasic = map[Basic]Kind{
	basicString: Text, basicBool: Boolean, "int16": Int16, "int32": Int32, "int64": Int64,
	"float32": Float32, "float64": Float64, basicUUID: UUID, basicNumeric: Decimal,
}

// KindOf gives the kind of a value with the Go type t; the second result holds
// an enum's values.
func KindOf(pkg *queries.Package, v queries.Value, t Type) (Kind, []string) {
	if values, ok := pkg.Enums[v.SQL]; ok {
		return Enum, values
	}
	if pkg.Composites[v.SQL] {
		return Text, nil
	}
	if k, ok := kinds[strings.ToLower(v.SQL)]; ok {
		return k, nil
	}
	for t.Elem != nil {
		t = *t.Elem
	}
	if k, ok := byBasic[t.Basic]; ok {
		return k, nil
	}
	return Unknown, nil
}

// Mismatch says why a value cannot pass, and what to do about it.
type Mismatch struct {
	Rule, Message, Mend string
}

// Types and formats of schemas that more than one kind has.
const (
	array        = "array"
	integer      = "integer"
	text         = "string"
	number       = "number"
	int64Format  = "int64"
	typeMismatch = "type-mismatch"
)

// Match checks that an SQL value, of Go type t, and a schema mean the same. in is true for
// what goes from the API to the database.
func Match(pkg *queries.Package, v queries.Value, t Type, s *openapi.Schema, in bool) *Mismatch {
	if v.Slice {
		return &Mismatch{"sqlc-slice", "sqlc.slice does not work with pgx", fmt.Sprintf("write `= ANY(sqlc.arg('%s')::%s[])`", v.Name, v.SQL)}
	}
	if v.Dims > 1 {
		return &Mismatch{
			"nested-array", fmt.Sprintf("%s is %s, whose inner arrays must all have the same length, which no schema can say", v.Name, sqlText(v)),
			"store it as jsonb, or in rows of its own",
		}
	}
	dims := v.Dims
	for ; dims > 0 && s != nil && s.Type == array; dims-- {
		s = s.Items
	}
	kind, values := KindOf(pkg, v, t)
	if kind == Unknown {
		return unknown(v)
	}
	if s == nil {
		return &Mismatch{typeMismatch, "the schema says nothing about its items", "give the array `items`"}
	}
	if dims > 0 || (s.Type == array && kind != JSON) {
		return &Mismatch{typeMismatch, fmt.Sprintf("%s is %s, but the schema says %s", v.Name, sqlText(v), describe(s)), "write `" + mend(kind, values, v.Dims) + "`"}
	}
	return matchKind(kind, values, v, s, in)
}

// unknown is for types of which sqlc knows nothing, or cannot infer anything.
func unknown(v queries.Value) *Mismatch {
	mend := "cast it in SQL to a type that has one, such as ::text or ::numeric"
	if !strings.HasPrefix(v.SQL, "any") {
		mend += ", or tell sqlc.yaml its Go type: `overrides: [{db_type: " + v.SQL + ", go_type: string}]`"
	}
	return &Mismatch{"unknown-type", fmt.Sprintf("sqlc gives it the type %q, which has no form in the API", v.SQL), mend}
}

func matchKind(kind Kind, values []string, v queries.Value, s *openapi.Schema, in bool) *Mismatch {
	if kind == JSON {
		return nil
	}
	want := forms[kind]
	if s.Union || s.Type != want.schemaType {
		return &Mismatch{typeMismatch, fmt.Sprintf("%s is %s, but the schema says %s", v.Name, sqlText(v), describe(s)), "write `" + mend(kind, values, v.Dims) + "`"}
	}
	if kind == Text || kind == Enum {
		return matchText(kind, values, v, s)
	}
	if len(s.Enum) > 0 {
		return &Mismatch{"enum-mismatch", fmt.Sprintf("%s is %s, which is no enum", v.Name, sqlText(v)), "remove `enum` from the schema"}
	}
	if slices.Contains(want.formats, s.Format) || (in && want.schemaType == integer) {
		return nil
	}
	return &Mismatch{"format-mismatch", fmt.Sprintf("%s is %s, but the schema says %s", v.Name, sqlText(v), describe(s)), "write `" + mend(kind, values, v.Dims) + "`"}
}

// typed are the formats whose values text in general does not have.
var typed = []string{"date", "date-time", "time", "time-local", "uuid", "byte", "binary", "decimal", "duration", "json"}

func matchText(kind Kind, values []string, v queries.Value, s *openapi.Schema) *Mismatch {
	if slices.Contains(typed, s.Format) {
		return &Mismatch{"format-mismatch", fmt.Sprintf("%s is %s, but the schema says %s", v.Name, sqlText(v), describe(s)), "cast it in SQL to the type that the format means, or remove the format"}
	}
	if kind == Text || len(s.Enum) == 0 {
		return nil
	}
	missing, extra := difference(values, s.Enum), difference(s.Enum, values)
	if len(missing)+len(extra) == 0 {
		return nil
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "the schema lacks "+strings.Join(missing, ", "))
	}
	if len(extra) > 0 {
		parts = append(parts, "the database lacks "+strings.Join(extra, ", "))
	}
	return &Mismatch{
		"enum-mismatch", fmt.Sprintf("the values of enum %s differ: %s", v.SQL, strings.Join(parts, "; ")),
		"write `enum: [" + strings.Join(values, ", ") + "]`",
	}
}

// form is how a schema describes a kind: its type, and its formats in a
// response, of which the mend proposes the first.
type form struct {
	schemaType string
	formats    []string
}

var forms = map[Kind]form{
	Int16:     {integer, []string{"int32", "", "int", "int16", int64Format}},
	Int32:     {integer, []string{"int32", "", "int", int64Format}},
	Int64:     {integer, []string{int64Format, "", "int"}},
	Float32:   {number, []string{"float", "", "double"}},
	Float64:   {number, []string{"double", ""}},
	Boolean:   {"boolean", []string{""}},
	Text:      {text, []string{""}},
	Enum:      {text, []string{""}},
	Decimal:   {text, []string{"decimal"}},
	UUID:      {text, []string{"uuid"}},
	Date:      {text, []string{"date"}},
	Time:      {text, []string{"time-local", "time"}}, // RFC 3339's full-time, which "time" names, has an offset.
	Timestamp: {text, []string{"date-time"}},
	Interval:  {text, []string{"duration"}},
	Bytes:     {text, []string{"byte"}},
	Network:   {text, []string{"", "ip", "ipv4", "ipv6", "cidr"}},
}

func mend(kind Kind, enum []string, dims int) string {
	want := forms[kind]
	schema := "type: " + want.schemaType
	if want.formats[0] != "" {
		schema += ", format: " + want.formats[0]
	}
	if kind == Enum {
		schema += ", enum: [" + strings.Join(enum, ", ") + "]"
	}
	for range dims {
		schema = "type: array, items: {" + schema + "}"
	}
	return schema
}

func sqlText(v queries.Value) string {
	return v.SQL + strings.Repeat("[]", v.Dims)
}

func describe(s *openapi.Schema) string {
	switch {
	case s.Union:
		return "a choice of schemas"
	case s.Type == "":
		return "any value"
	case s.Type == array && s.Items != nil:
		return "array of " + describe(s.Items)
	case s.Format != "":
		return s.Type + " of format " + s.Format
	}
	return s.Type
}

func difference(a, b []string) []string {
	var out []string
	for _, v := range a {
		if !slices.Contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}
