package tenant

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Misfit is a statement that a schema does not bear.
type Misfit struct {
	// Statement is the statement's name.
	Statement string `json:"statement"`
	// Reason is for the log and for operators: it holds names of the schema.
	Reason string `json:"reason"`
}

// Misfits prepares statements in the transaction that is open on conn, under the
// role and the search_path in force there, and returns those that the schema does
// not bear. It is what [DB] asks of a schema before the first query, for tools
// that look ahead; the transaction is left as it was.
func Misfits(ctx context.Context, conn *pgx.Conn, schema string, statements []Statement) ([]Misfit, error) {
	pg := conn.PgConn()
	types, err := loadTypes(ctx, pg, schema)
	if err != nil {
		return nil, wrap("", err)
	}
	all := make([]described, len(statements))
	for i := range statements {
		sd, err := tryPrepare(ctx, pg, statements[i].SQL)
		all[i] = described{statement: &statements[i], sd: sd, refused: misfitReason(err)}
		if err != nil && all[i].refused == "" {
			return nil, wrap("", fmt.Errorf("prepare %s: %w", statements[i].Name, err))
		}
	}
	found, err := types.misfits(ctx, pg, all)
	return namesOf(found), wrap("", err)
}

// refusal is a misfit with the text of its statement.
type refusal struct {
	Misfit

	sql string
}

func namesOf(all []refusal) []Misfit {
	names := make([]Misfit, 0, len(all))
	for _, r := range all {
		names = append(names, r.Misfit)
	}
	return names
}

// described is what a server says of a statement.
type described struct {
	statement *Statement
	sd        *pgconn.StatementDescription
	refused   string // Why it is not prepared; then there is no description.
}

// misfits compares what statements are with what their code relies on.
func (c *typeCatalog) misfits(ctx context.Context, pg *pgconn.PgConn, all []described) ([]refusal, error) {
	loose, err := nullable(ctx, pg, all)
	if err != nil {
		return nil, err
	}
	var found []refusal
	for _, d := range all {
		reason := d.refused
		if reason == "" {
			reason = c.compare(d.statement, d.sd)
		}
		if reason == "" {
			reason = loose.read(d)
		}
		if reason != "" {
			found = append(found, refusal{Misfit{d.statement.Name, reason}, d.statement.SQL})
		}
	}
	return found, nil
}

// tryPrepare describes a statement and leaves the transaction usable.
func tryPrepare(ctx context.Context, pg *pgconn.PgConn, sql string) (*pgconn.StatementDescription, error) {
	if _, err := pg.Exec(ctx, "SAVEPOINT bailiwick_misfit").ReadAll(); err != nil {
		return nil, err
	}
	sd, err := pg.Prepare(ctx, "", sql, nil)
	if _, undo := pg.Exec(ctx, "ROLLBACK TO bailiwick_misfit; RELEASE bailiwick_misfit").ReadAll(); undo != nil {
		return nil, errors.Join(err, undo)
	}
	return sd, err
}

// misfitReason tells what a refusal to prepare says of the schema; empty when it
// says nothing of it.
func misfitReason(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) < 2 {
		return ""
	}
	switch pg.Code[:2] {
	case "42", "22", "0A", "3F":
		return fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	return ""
}

// compare says what a statement's code was generated for and the schema does not
// have; empty when it fits.
func (c *typeCatalog) compare(s *Statement, sd *pgconn.StatementDescription) string {
	if len(s.Params) > len(sd.ParamOIDs) {
		return fmt.Sprintf("it takes %d parameters, and the code gives %d", len(sd.ParamOIDs), len(s.Params))
	}
	for i, want := range s.Params {
		actual := c.byOID[sd.ParamOIDs[i]]
		if name, _ := strings.CutSuffix(want, notNull); name != "" && !c.carries(c.find(name), actual) {
			return fmt.Sprintf("parameter $%d is %s, and the code gives %s", i+1, c.spell(actual), name)
		}
	}
	if s.Columns == nil {
		return ""
	}
	if len(s.Columns) != len(sd.Fields) {
		return fmt.Sprintf("it returns %d columns, and the code reads %d", len(sd.Fields), len(s.Columns))
	}
	for i, want := range s.Columns {
		actual := c.byOID[sd.Fields[i].DataTypeOID]
		if name, _ := strings.CutSuffix(want, notNull); name != "" && !c.carries(actual, c.find(name)) {
			return fmt.Sprintf("column %s is %s, and the code reads %s", sd.Fields[i].Name, c.spell(actual), name)
		}
	}
	return ""
}

// notNull ends the type of what is never null.
const notNull = " NOT NULL"

// column is a table's, by the numbers that a description gives.
type column struct {
	table  uint32
	number uint16
}

// looseColumns are the columns that can be null, with their names.
type looseColumns map[column]string

// nullable finds which of the columns that are read as never null can be null. A
// view's columns say nothing of that.
func nullable(ctx context.Context, pg *pgconn.PgConn, all []described) (looseColumns, error) {
	const sql = `SELECT a.attrelid, a.attnum, c.relname || '.' || a.attname
		FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
		WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attnotnull AND c.relkind IN ('r', 'p')`
	var tables []string
	for _, d := range all {
		for i := range d.strict() {
			if table := strconv.FormatUint(uint64(d.sd.Fields[i].TableOID), 10); table != "0" && !slices.Contains(tables, table) {
				tables = append(tables, table)
			}
		}
	}
	if tables == nil {
		return looseColumns{}, nil
	}
	result := pg.ExecParams(ctx, sql, [][]byte{[]byte("{" + strings.Join(tables, ",") + "}")}, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("read which columns can be null: %w", result.Err)
	}
	loose := looseColumns{}
	for _, row := range result.Rows {
		number, err := strconv.ParseUint(string(row[1]), 10, 16)
		if err != nil {
			return nil, fmt.Errorf("read which columns can be null: %w", err)
		}
		loose[column{parseOID(row[0]), uint16(number)}] = string(row[2])
	}
	return loose, nil
}

// strict gives the positions of the columns that are read as never null.
func (d described) strict() iter.Seq[int] {
	return func(yield func(int) bool) {
		if d.refused != "" || len(d.statement.Columns) != len(d.sd.Fields) {
			return
		}
		for i, want := range d.statement.Columns {
			if strings.HasSuffix(want, notNull) && !yield(i) {
				return
			}
		}
	}
}

// read says which column a statement reads as never null although it can be.
func (l looseColumns) read(d described) string {
	for i := range d.strict() {
		f := d.sd.Fields[i]
		if name, ok := l[column{f.TableOID, f.TableAttributeNumber}]; ok {
			return "column " + name + " can be null, and the code reads it as never null"
		}
	}
	return ""
}
