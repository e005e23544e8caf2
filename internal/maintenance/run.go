package maintenance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Row is one row: its columns in their order.
type Row struct {
	columns []string
	values  []json.RawMessage
}

// Columns are the names of the row's columns.
func (r Row) Columns() []string { return r.columns }

// Text is a column's value for people; null is empty.
func (r Row) Text(i int) string {
	var text string
	if json.Unmarshal(r.values[i], &text) == nil { // null is "", and what is no string stays as it is
		return text
	}
	return string(r.values[i])
}

// MarshalJSON implements json.Marshaler: an object, in the order of the columns.
func (r Row) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range r.columns {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(r.values[i])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Result is what a query came to.
type Result struct {
	// Affected is the number of rows that were changed, or returned.
	Affected int64
	Rows     []Row
}

// Bind checks the arguments against the query's parameters, and orders them.
func (q Query) Bind(args map[string]string) ([]string, error) {
	var missing, unknown []string
	values := make([]string, len(q.Params))
	for i, name := range q.Params {
		value, ok := args[name]
		if !ok {
			missing = append(missing, name)
		}
		values[i] = value
	}
	for name := range args {
		if !slices.Contains(q.Params, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	switch {
	case len(missing) > 0 && len(unknown) > 0:
		return nil, fmt.Errorf("query %s needs the parameter %s, and has no parameter %s", q.Name, strings.Join(missing, ", "), strings.Join(unknown, ", "))
	case len(missing) > 0:
		return nil, fmt.Errorf("query %s needs the parameter %s", q.Name, strings.Join(missing, ", "))
	case len(unknown) > 0:
		return nil, fmt.Errorf("query %s has no parameter %s", q.Name, strings.Join(unknown, ", "))
	}
	return values, nil
}

// TooManyRowsError says that a query has more rows than the caller wants.
type TooManyRowsError struct{ Max int }

func (e *TooManyRowsError) Error() string {
	return fmt.Sprintf("the query returns more than %d rows", e.Max)
}

// Run runs the query in a transaction that is bound to a tenant. It is one
// statement of the extended protocol, which can't hold a second one.
func (q Query) Run(ctx context.Context, tx pgx.Tx, values []string, maxRows int) (Result, error) {
	params := make([][]byte, len(values))
	for i, v := range values {
		params[i] = []byte(v)
	}
	reader := tx.Conn().PgConn().ExecParams(ctx, q.SQL, params, nil, nil, nil)
	var r Result
	var columns []string
	var tooMany error
	for reader.NextRow() {
		if !q.Rows || tooMany != nil {
			continue
		}
		if len(r.Rows) == maxRows {
			tooMany = &TooManyRowsError{Max: maxRows}
			continue
		}
		if columns == nil {
			columns = names(reader.FieldDescriptions())
		}
		r.Rows = append(r.Rows, Row{columns: columns, values: encode(reader.FieldDescriptions(), reader.Values())})
	}
	tag, err := reader.Close()
	r.Affected = tag.RowsAffected()
	return r, errors.Join(q.blame(err), tooMany)
}

// numbered finds the parameter in the context of an error of the server's.
var numbered = regexp.MustCompile(`\$([0-9]+)`)

// blame names the parameter whose value is none of its type.
func (q Query) blame(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || !strings.HasPrefix(pg.Code, "22") || !strings.HasPrefix(pg.Where, "unnamed portal parameter $") {
		return err
	}
	n, errNumber := strconv.Atoi(numbered.FindStringSubmatch(pg.Where)[1])
	if errNumber != nil || n < 1 || n > len(q.Params) {
		return err
	}
	return fmt.Errorf("parameter %s: %w", q.Params[n-1], err)
}

func names(fields []pgconn.FieldDescription) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return list
}

// encode turns PostgreSQL's text into JSON: numbers, booleans and JSON as such,
// all else as strings.
func encode(fields []pgconn.FieldDescription, texts [][]byte) []json.RawMessage {
	values := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		values[i] = encodeText(fields[i].DataTypeOID, text)
	}
	return values
}

func encodeText(oid uint32, text []byte) json.RawMessage {
	if text == nil {
		return json.RawMessage("null")
	}
	switch oid {
	case pgtype.BoolOID:
		return json.RawMessage(map[string]string{"t": "true", "f": "false"}[string(text)])
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID, pgtype.JSONOID, pgtype.JSONBOID:
		if json.Valid(text) { // NaN is no number of JSON
			return bytes.Clone(text)
		}
	}
	value, err := json.Marshal(string(text))
	if err != nil { // a string always has a form in JSON
		return json.RawMessage("null")
	}
	return value
}
