package lint

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// How PL/pgSQL reads the text of an expression (RawParseMode).
const (
	parseStatement = 0
	parseType      = 1
	parseExpr      = 2
)

// plpgsql checks the SQL inside a function: source is the whole statement.
func (c *checker) plpgsql(source string) {
	text, err := parsePlPgSQL(source)
	if err != nil {
		c.report(0, ruleOpaque, "the body cannot be read: "+err.Error(), "correct the function's body")
		return
	}
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		c.report(0, ruleOpaque, "the body cannot be read: "+err.Error(), "correct the function's body")
		return
	}
	start := c.fixed
	c.plpgsqlNode(tree, start, 1)
}

// plpgsqlNode visits the tree that libpg_query gives as JSON. line is the
// line of the nearest statement, counted from the body's first.
func (c *checker) plpgsqlNode(node any, start, line int) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			c.plpgsqlNode(child, start, line)
		}
	case map[string]any:
		if l := lineNumber(n); l > 0 {
			line = l
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			at := line
			if l := lineNumber(n[key]); l > 0 {
				at = l // the node that the key names says where it stands
			}
			c.fixed = lineOffset(c.st.source, start, at)
			c.plpgsqlKey(key, n[key])
			c.plpgsqlNode(n[key], start, line)
		}
	}
}

func lineNumber(node any) int {
	m, ok := node.(map[string]any)
	if !ok {
		return 0
	}
	l, ok := m["lineno"].(float64)
	if !ok {
		return 0
	}
	return int(l)
}

func (c *checker) plpgsqlKey(key string, value any) {
	switch key {
	case "PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery":
		c.report(0, ruleDynamic, "EXECUTE runs SQL from a string", mends[ruleDynamic])
	case "PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback":
		c.report(0, ruleTransaction, "COMMIT or ROLLBACK in a body", kinds["TransactionStmt"].mend)
	case "PLpgSQL_expr":
		if m, ok := value.(map[string]any); ok {
			c.expression(m)
		}
	case "PLpgSQL_type":
		if m, ok := value.(map[string]any); ok {
			if name, ok := m["typname"].(string); ok {
				c.typeText(name)
			}
		}
	}
}

// expression turns one of PL/pgSQL's expressions into a statement.
func (c *checker) expression(m map[string]any) {
	query, _ := m["query"].(string)
	mode, _ := m["parseMode"].(float64)
	switch int(mode) {
	case parseStatement:
		c.sqlText(query)
	case parseType:
		c.typeText(query)
	case parseExpr:
		c.sqlText("SELECT " + query)
	default:
		target, value := assignment(query)
		c.sqlText("SELECT " + target) // its subscripts are expressions
		c.sqlText("SELECT " + value)
	}
}

// assignment parts "target := expression".
func assignment(query string) (target, value string) {
	tokens, err := Scan(query)
	if err != nil {
		return "1", query // the value's parser says what is wrong
	}
	depth := 0
	for _, t := range tokens.GetTokens() {
		switch t.GetToken() {
		case pgquery.Token_ASCII_91, pgquery.Token_ASCII_40:
			depth++
		case pgquery.Token_ASCII_93, pgquery.Token_ASCII_41:
			depth--
		case pgquery.Token_COLON_EQUALS, pgquery.Token_ASCII_61:
			if depth == 0 {
				return query[:t.GetStart()], query[t.GetEnd():]
			}
		default: // part of the target
		}
	}
	return "1", query
}

// typeText checks the type of a variable; x%TYPE and x%ROWTYPE name relations.
func (c *checker) typeText(name string) {
	name = strings.TrimSpace(name)
	base, percent, found := strings.Cut(name, "%")
	if !found {
		c.sqlText("SELECT NULL::" + name)
		return
	}
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(percent)), "type") {
		if i := strings.LastIndexByte(base, '.'); i >= 0 {
			base = base[:i]
		} else {
			return // another variable's type
		}
	}
	c.sqlText("SELECT FROM " + base)
}

// lineOffset is the offset of the n-th line counted from the one at start.
func lineOffset(text string, start, n int) int {
	for ; n > 1; n-- {
		i := strings.IndexByte(text[start:], '\n')
		if i < 0 {
			return start
		}
		start += i + 1
	}
	for start < len(text) && (text[start] == ' ' || text[start] == '\t') {
		start++
	}
	return start
}
