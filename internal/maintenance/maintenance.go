// Package maintenance reads the operators' own queries, which have a name and are
// run for one tenant after another, and runs them.
//
// A query is written as sqlc's are, in the folder that bailiwick.yaml calls
// maintenance, and is held to the rules of tenants' queries. Its parameters are
// @names:
//
//	-- Removes sessions that ended long ago.
//	-- name: DropOldSessions :exec
//	DELETE FROM sessions WHERE ended_at < now() - @age::interval;
//
// The package may import internal/diag, internal/lint, internal/project,
// pg_query, pgx and the standard library.
package maintenance

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Query is a named statement.
type Query struct {
	Name string `json:"name"`
	// Rows tells that the query has rows to show; else it only says how many it
	// has changed.
	Rows bool `json:"rows"`
	// Params are the names of the parameters: the first stands for $1.
	Params []string `json:"params"`
	// Doc is what the comments above the query say.
	Doc string `json:"doc,omitempty"`
	// File is where it stands.
	File string `json:"file"`
	// SQL is the statement with numbered parameters.
	SQL string `json:"sql"`
}

// ruleQuery is the name of findings that are not lint's.
const ruleQuery = "maintenance"

// Load reads and lints all maintenance queries of a project, in the order of
// their names. What is wrong with them comes back as a diag.List.
func Load(p *project.Project) ([]Query, error) {
	found, err := lint.Maintenance(p)
	if err != nil {
		return nil, err
	}
	if wrong := found.Errors(); len(wrong) > 0 {
		return nil, wrong
	}
	var all []Query
	for _, name := range p.Maintenance {
		text, err := os.ReadFile(p.Abs(name))
		if err != nil {
			return nil, fmt.Errorf("read maintenance queries: %w", err)
		}
		queries, wrong := parse(lint.File{Name: name, Text: string(text)})
		found, all = append(found, wrong...), append(all, queries...)
	}
	slices.SortStableFunc(all, func(a, b Query) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(all); i++ {
		if all[i].Name == all[i-1].Name {
			found = append(found, finding(all[i].File, 0, all[i].Name, "a second query of this name; the other is in "+all[i-1].File, "give it another name"))
		}
	}
	if wrong := found.Errors(); len(wrong) > 0 {
		return nil, wrong
	}
	return all, nil
}

// Find returns the query with a name. There being none is an error that says so.
func Find(all []Query, name string) (Query, error) {
	for _, q := range all {
		if q.Name == name {
			return q, nil
		}
	}
	return Query{}, fmt.Errorf("no such query: %q", name)
}

func finding(file string, line int, subject, message, mend string) diag.Diagnostic {
	return diag.Diagnostic{File: file, Line: line, Rule: ruleQuery, Subject: subject, Message: message, Mend: mend}
}

func parse(f lint.File) (queries []Query, wrong diag.List) {
	for _, piece := range lint.Split(f) {
		if piece.Tree == nil {
			continue
		}
		line := 1 + strings.Count(f.Text[:piece.Start], "\n")
		q := Query{File: f.Name, Params: []string{}}
		kind := readComments(f, piece, &q)
		sql, problem := number(f.Text[piece.Start:piece.End], &q)
		q.SQL = sql
		switch {
		case problem != "":
			wrong = append(wrong, finding(f.Name, line, q.Name, problem, "write parameters as @name"))
		case kind != ":exec" && kind != ":many":
			wrong = append(wrong, finding(f.Name, line, q.Name, "the query is neither :exec nor :many",
				"write `-- name: "+q.Name+" :many` above it if it has rows to show, and else :exec"))
		}
		q.Rows = kind == ":many"
		queries = append(queries, q)
	}
	return queries, wrong
}

var nameLine = regexp.MustCompile(`^\s*name:\s*(\S+)\s*(\S*)`)

// readComments takes a query's name, its kind and what it is for from the
// comments before it.
func readComments(f lint.File, piece lint.Piece, q *Query) (kind string) {
	var doc []string
	for _, span := range piece.Comments {
		text := strings.TrimSpace(strings.TrimSuffix(strings.TrimLeft(f.Text[span.Start:span.End], "-/*"), "*/"))
		m := nameLine.FindStringSubmatch(text)
		switch {
		case m != nil:
			q.Name, kind = m[1], m[2]
		case span.Start < piece.Start && !strings.HasPrefix(text, "bailiwick:"):
			doc = append(doc, text)
		}
	}
	q.Doc = strings.Join(doc, " ")
	return kind
}

// number puts $1, $2 ... in the place of a statement's @names. An @ that stands
// alone is an operator.
func number(sql string, q *Query) (numbered, problem string) {
	tokens, err := lint.Scan(sql)
	if err != nil {
		return "", err.Error()
	}
	var b strings.Builder
	done := 0
	list := tokens.GetTokens()
	for i, t := range list {
		if t.GetToken() == pgquery.Token_PARAM {
			return "", "the parameter " + sql[t.GetStart():t.GetEnd()] + " has no name"
		}
		if sql[t.GetStart():t.GetEnd()] != "@" || i+1 == len(list) || list[i+1].GetStart() != t.GetEnd() {
			continue
		}
		word := sql[list[i+1].GetStart():list[i+1].GetEnd()]
		if !paramName.MatchString(word) {
			continue
		}
		at := slices.Index(q.Params, word)
		if at < 0 {
			at = len(q.Params)
			q.Params = append(q.Params, word)
		}
		fmt.Fprintf(&b, "%s$%d", sql[done:t.GetStart()], at+1)
		done = int(list[i+1].GetEnd())
	}
	return b.String() + sql[done:], ""
}

var paramName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
