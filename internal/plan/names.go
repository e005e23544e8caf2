package plan

import (
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Names are what the placeholders in a plan's statements stand for. A plan is for
// all schemas of a state, so statements that need the name of a schema or of a
// role have "$schema", "$tenant", "$owner" or "$runtime" for it, each in double
// quotes, like the fingerprint's objects. A tenant's role has its schema's name.
type Names struct {
	Schema  string
	Owner   string
	Runtime string
}

// Bind puts the names into a statement, in the place of identifiers only: a JSON
// Schema document in a default, a function's body or a comment says "$schema" too.
func (n Names) Bind(statement string) string {
	if !strings.Contains(statement, `"$`) {
		return statement
	}
	var bound strings.Builder
	for rest := statement; rest != ""; {
		length := quoted(rest, statement[:len(statement)-len(rest)])
		part := rest[:max(length, 1)]
		rest = rest[len(part):]
		if name, is := n.of(part); is {
			part = tenant.QuoteIdent(name)
		}
		bound.WriteString(part)
	}
	return bound.String()
}

// of is the name that a placeholder stands for.
func (n Names) of(placeholder string) (name string, is bool) {
	switch placeholder {
	case `"$schema"`, `"$tenant"`:
		return n.Schema, true
	case `"$owner"`:
		return n.Owner, true
	case `"$runtime"`:
		return n.Runtime, true
	}
	return "", false
}

// quoted is the length of the string, quoted identifier or comment that SQL begins
// with; 0 if it begins with something else. before is the SQL in front of it. What
// does not end goes to the end: PostgreSQL will say so.
func quoted(sql, before string) int {
	switch {
	case sql[0] == '"':
		return identifier(sql)
	case sql[0] == '\'' && escapes(before):
		return escaped(sql)
	case sql[0] == '\'':
		return until(sql, 1, `'`)
	case strings.HasPrefix(sql, "--"):
		return until(sql, 0, "\n")
	case strings.HasPrefix(sql, "/*"):
		return comment(sql)
	case sql[0] == '$' && !endsInName(before):
		tag, _, ok := strings.Cut(sql[1:], "$")
		if ok && isTag(tag) {
			return until(sql, len(tag)+2, sql[:len(tag)+2])
		}
	}
	return 0
}

// isTag tells what stands between two dollars in front of a string.
func isTag(s string) bool {
	for i := range len(s) {
		if !inName(s[i]) {
			return false
		}
	}
	return s == "" || !isDigit(s[0])
}

// until is where the first end behind start ends.
func until(sql string, start int, end string) int {
	i := strings.Index(sql[start:], end)
	if i < 0 {
		return len(sql)
	}
	return start + i + len(end)
}

// identifier is the length of a quoted one, in which a quote is doubled.
func identifier(sql string) int {
	end := until(sql, 1, `"`)
	for end < len(sql) && sql[end] == '"' {
		end = until(sql, end+1, `"`)
	}
	return end
}

// escaped is the length of a string in which a backslash escapes.
func escaped(sql string) int {
	for i := 1; i < len(sql); i++ {
		switch sql[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return len(sql)
}

// comment is the length of a comment, which may hold others.
func comment(sql string) int {
	depth := 0
	for i := 0; i+1 < len(sql); i++ {
		switch sql[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(sql)
}

// escapes tells that a string behind the SQL is one with an E in front.
func escapes(before string) bool {
	e := len(before) - 1
	return e >= 0 && (before[e] == 'e' || before[e] == 'E') && !endsInName(before[:e])
}

func endsInName(sql string) bool {
	return sql != "" && (inName(sql[len(sql)-1]) || sql[len(sql)-1] == '$')
}

// inName tells bytes of a name without quotes, but for the dollar.
func inName(c byte) bool {
	return c >= 0x80 || c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
