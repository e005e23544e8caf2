package lint

import (
	"sync"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// parsing serialises all calls of libpg_query: each redirects the process's
// standard error for as long as it runs, and two at once would restore each
// other's pipe instead of the terminal, on which the next write kills.
var parsing sync.Mutex

// Parse reads SQL with PostgreSQL's own grammar. It is safe for concurrent use,
// which the library's function is not.
func Parse(sql string) (*pgquery.ParseResult, error) {
	parsing.Lock()
	defer parsing.Unlock()
	return pgquery.Parse(sql)
}

// Deparse writes SQL from a tree. It is safe for concurrent use.
func Deparse(tree *pgquery.ParseResult) (string, error) {
	parsing.Lock()
	defer parsing.Unlock()
	return pgquery.Deparse(tree)
}

// Scan cuts SQL into tokens. It is safe for concurrent use.
func Scan(sql string) (*pgquery.ScanResult, error) {
	parsing.Lock()
	defer parsing.Unlock()
	return pgquery.Scan(sql)
}

// parsePlPgSQL reads CREATE FUNCTION with a body in PL/pgSQL. A statement
// without a body must not get here: the library would abort the process.
func parsePlPgSQL(sql string) (string, error) {
	parsing.Lock()
	defer parsing.Unlock()
	return pgquery.ParsePlPgSqlToJSON(sql)
}
