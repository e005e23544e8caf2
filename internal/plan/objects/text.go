package objects

import (
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// object is a fingerprint's object, of whose definition parts are needed.
type object struct {
	fingerprint.Object

	attributes map[string]string
}

func newObject(o fingerprint.Object) object {
	attributes := map[string]string{}
	var last string
	for line := range strings.SplitSeq(o.Definition, "\n") {
		if more, ok := strings.CutPrefix(line, "\t"); ok {
			attributes[last] += "\n" + more
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		attributes[key], last = value, key
	}
	return object{o, attributes}
}

// attr is an attribute, "" where the object has none.
func (o object) attr(key string) string { return o.attributes[key] }

// relation is an attribute that is the name of a table or the like.
func (o object) relation(key string) string { return local(o.attr(key)) }

// has tells that a line stands in the definition.
func (o object) has(line string) bool {
	return slices.Contains(strings.Split(o.Definition, "\n"), line)
}

// The marks of what is not in a definition's statements.
const (
	markInherited = "-- inherited"
	markInvalid   = "-- INVALID"
	markDisabled  = "-- DISABLED"
)

// marked tells that a definition that consists of statements has a mark.
func (o object) marked(mark string) bool {
	return strings.HasPrefix(o.Definition, mark) || strings.Contains(o.Definition, "\n"+mark)
}

// statements are those of a definition that consists of statements.
func (o object) statements() []string {
	var all []string
	for _, statement := range split(o.Definition, ';') {
		for strings.HasPrefix(statement, "--") {
			_, statement, _ = strings.Cut(statement, "\n")
		}
		if statement = strings.TrimSpace(statement); statement != "" {
			all = append(all, statement)
		}
	}
	return all
}

// split splits text at a separator that stands outside of quotes and brackets.
// Parts are trimmed; of an empty text there are none.
func split(text string, separator byte) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var all []string
	start := 0
	for i := range outside(text) {
		if text[i] == separator {
			all = append(all, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(all, strings.TrimSpace(text[start:]))
}

// cut cuts text around the first separator outside of quotes and brackets.
func cut(text, separator string) (before, after string, found bool) {
	for i := range outside(text) {
		if strings.HasPrefix(text[i:], separator) {
			return text[:i], text[i+len(separator):], true
		}
	}
	return text, "", false
}

// outside yields the places of text that are outside of quotes and brackets.
// PostgreSQL doubles a quote within quotes, so the second opens them again.
func outside(text string) func(func(int) bool) {
	return func(yield func(int) bool) {
		depth := 0
		var quote byte
		for i := range len(text) {
			c := text[i]
			switch {
			case quote != 0:
				if c == quote {
					quote = 0
				}
				continue
			case c == '\'' || c == '"':
				quote = c
				continue
			case c == '(' || c == '[':
				depth++
				continue
			case c == ')' || c == ']':
				depth--
			}
			if depth == 0 && !yield(i) {
				return
			}
		}
	}
}

// owner takes the name of a column, trigger or the like apart: the table or
// domain that it belongs to, and the last part, which is its own.
func owner(name string) (table, last string) {
	parts := split(name, '.')
	return parts[0], parts[len(parts)-1]
}

// local is a name without its schema. Definitions have one before the name of what
// is in public, even where public is the schema itself.
func local(name string) string { return strings.TrimPrefix(name, "public.") }

// literal is SQL's spelling of a string.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// join puts the words that are not empty into one statement.
func join(words ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" }), " ")
}

// prefixed is before + text, or nothing for no text.
func prefixed(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// inParens is text in parentheses after a word, or nothing for no text.
func inParens(word, text string) string {
	if text == "" {
		return ""
	}
	return word + " (" + text + ")"
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// one is a list of one statement.
func one(words ...string) []string { return []string{join(words...)} }
