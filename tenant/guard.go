package tenant

import (
	"strings"
)

// guard refuses statements that could leave the binding in which they run:
// whatever is not a query (SET, RESET, BEGIN, COPY, DO, LISTEN, DDL ...), SELECT INTO,
// which makes a table, and names that change settings or reach across tenants. It looks at a
// statement once, when its shape is learned. It is a net below the lint of
// generated queries for SQL that handlers build themselves; the lock that holds
// without it is the tenant's role in the database.
func guard(sql string) error {
	words := sqlWords(sql)
	if len(words) == 0 {
		return errorf(CodeRefused, "", "the statement is empty")
	}
	if !queryKeywords[words[0]] {
		return errorf(CodeRefused, "", "a querier runs queries only, and no %s", strings.ToUpper(words[0]))
	}
	if strings.IndexByte(sql, 0) >= 0 {
		return errorf(CodeRefused, "", "the statement holds a NUL byte")
	}
	if selectsInto(words) {
		return errorf(CodeRefused, "", "a querier does not run SELECT INTO: it makes a table")
	}
	for _, w := range words {
		if refusedWord(w) {
			return errorf(CodeRefused, "", "a querier does not run %s: it reaches beyond the tenant's transaction", w)
		}
	}
	return nil
}

var queryKeywords = map[string]bool{
	"select": true, "insert": true, "update": true, "delete": true, "merge": true,
	"with": true, "values": true, "table": true,
}

// selectsInto tells whether INTO comes after the SELECT of its own parentheses.
// INSERT and MERGE have theirs before, and either word may be a column's name.
func selectsInto(words []string) bool {
	selects := []bool{false} // at each depth of parentheses
	for _, w := range words {
		last := len(selects) - 1
		switch {
		case w == "(":
			selects = append(selects, false)
		case w == ")" && last > 0:
			selects = selects[:last]
		case w == "select":
			selects[last] = true
		case w == "into" && selects[last]:
			return true
		}
	}
	return false
}

// refusedWord tells names that change settings, run SQL given as text, or show
// the server's insides, such as types that make a name of any object's number. Of
// the names that begin with pg_ only a few are harmless.
func refusedWord(w string) bool {
	switch w {
	case "set_config", "ts_stat", "ts_rewrite", "dblink", `u&"`, "information_schema", "format_type", "aclitem":
		return true
	case "pg_catalog", "pg_typeof", "pg_sleep", "pg_column_size", "pg_size_pretty":
		return false
	}
	if objectTypes[strings.TrimPrefix(strings.TrimLeft(w, "_"), "to_")] { // _regclass is regclass[].
		return true
	}
	return strings.HasPrefix(w, "pg_") || strings.HasPrefix(w, "dblink_") || strings.HasPrefix(w, "lo_") ||
		strings.Contains(w, "_to_xml")
}

// objectTypes show the names of objects in all schemas. Those of full-text search,
// regconfig and regdictionary, are needed.
var objectTypes = map[string]bool{
	"regclass": true, "regproc": true, "regprocedure": true, "regoper": true, "regoperator": true,
	"regtype": true, "regtypemod": true, "regrole": true, "regnamespace": true, "regcollation": true,
}

// sqlWords gives the identifiers and keywords of a statement in lower case, and
// the parentheses after the first of them, without comments, strings and numbers.
// The lexical rules are those of
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html.
func sqlWords(sql string) []string {
	var words []string
	for i := 0; i < len(sql); {
		rest := sql[i:]
		switch c := sql[i]; {
		case strings.HasPrefix(rest, "--"):
			i += lineEnd(rest)
		case strings.HasPrefix(rest, "/*"):
			i += commentEnd(rest)
		case c == '\'':
			i += stringEnd(rest, false)
		case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
			i += 1 + stringEnd(rest[1:], true)
		case (c == 'u' || c == 'U') && strings.HasPrefix(rest[1:], `&"`):
			words = append(words, `u&"`) // Escapes could spell any name.
			i += 3
		case c == '"':
			n := quotedEnd(rest)
			words = append(words, unquoted(rest[:n]))
			i += n
		case (c == '(' || c == ')') && len(words) > 0:
			words = append(words, rest[:1])
			i++
		case c == '$':
			i += dollarEnd(rest)
		case isWordStart(c):
			n := wordEnd(rest)
			words = append(words, strings.ToLower(rest[:n]))
			i += n
		default:
			i++
		}
	}
	return words
}

// unquoted is the word of a quoted identifier, which is no parenthesis.
func unquoted(s string) string {
	w := strings.ToLower(strings.Trim(s, `"`))
	if w == "(" || w == ")" {
		return `"` + w
	}
	return w
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func wordEnd(s string) int {
	for i := 1; i < len(s); i++ {
		if c := s[i]; !isWordStart(c) && c != '$' && (c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

func lineEnd(s string) int {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return i + 1
	}
	return len(s)
}

// commentEnd is the length of the block comment at the start of s; they nest.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// stringEnd is the length of the string literal at the start of s. After white
// space with a line break it goes on with the next quote, by the same rules.
func stringEnd(s string, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == '\'' && strings.HasPrefix(s[i+1:], "'"):
			i++
		case s[i] == '\'':
			gap := continuation(s[i+1:])
			if gap == 0 {
				return i + 1
			}
			i += gap
		}
	}
	return len(s)
}

// continuation is the length of what stands between two parts of one string,
// up to and with the opening quote, or zero when no further part follows.
func continuation(s string) int {
	broken := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\n' || s[i] == '\r':
			broken = true
		case s[i] == ' ' || s[i] == '\t' || s[i] == '\f' || s[i] == '\v':
		case strings.HasPrefix(s[i:], "--"):
			i += lineEnd(s[i:]) - 1
			broken = true
		case s[i] == '\'' && broken:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] == '"' {
			if !strings.HasPrefix(s[i+1:], `"`) {
				return i + 1
			}
			i++
		}
	}
	return len(s)
}

// dollarEnd is the length of the dollar-quoted string or of the parameter such
// as $1 at the start of s.
func dollarEnd(s string) int {
	i := 1
	for i < len(s) && (isWordStart(s[i]) || i > 1 && s[i] >= '0' && s[i] <= '9') {
		i++
	}
	if i >= len(s) || s[i] != '$' {
		return 1
	}
	tag := s[:i+1]
	if j := strings.Index(s[len(tag):], tag); j >= 0 {
		return len(tag) + j + len(tag)
	}
	return len(s)
}
