package queries

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
)

// texts are the constants in which sqlc keeps its statements, by the query's
// name. They are read and not made up, because a statement that is compared
// with a schema has to be the one that is sent.
func texts(pkg *gosrc.Package) map[string]string {
	all := map[string]string{}
	for _, text := range pkg.Texts {
		first, _, _ := strings.Cut(text, "\n")
		if m := nameLine.FindStringSubmatch(first); m != nil {
			all[m[1]] = text
		}
	}
	return all
}

// copied is the INSERT that takes what a :copyfrom query sends by COPY, which
// no server prepares. It may fill identity columns, as COPY may.
func copied(method *ast.FuncDecl) string {
	text := ""
	ast.Inspect(method, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || sel.Sel.Name != "CopyFrom" {
			return true
		}
		table, columns := quoted(call.Args[1]), quoted(call.Args[2])
		placeholders := make([]string, len(columns))
		for i := range columns {
			placeholders[i] = "$" + strconv.Itoa(i+1)
		}
		text = "INSERT INTO " + strings.Join(table, ".") + " (" + strings.Join(columns, ", ") +
			") OVERRIDING SYSTEM VALUE VALUES (" + strings.Join(placeholders, ", ") + ")"
		return false
	})
	return text
}

// quoted reads a list of names as SQL identifiers.
func quoted(e ast.Expr) []string {
	list, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	names := make([]string, 0, len(list.Elts))
	for _, item := range list.Elts {
		if lit, ok := item.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if name, err := strconv.Unquote(lit.Value); err == nil {
				names = append(names, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`)
			}
		}
	}
	return names
}

// allowMarker opens a comment that permits a finding.
const allowMarker = "bailiwick:allow"

// allowed finds which rules' findings are permitted for which query. A comment
// belongs to the statement that it stands above or in. Which of two neighbours
// that is takes a parser to tell; here it counts for both.
func allowed(files map[string][]byte) map[string][]string {
	rules := map[string][]string{}
	for _, data := range files {
		current, pending := "", []string(nil)
		for line := range strings.Lines(string(data)) {
			if m := nameLine.FindStringSubmatch(line); m != nil {
				current = m[1]
				rules[current] = append(rules[current], pending...)
				pending = nil
				continue
			}
			comment, ok := strings.CutPrefix(strings.TrimSpace(line), "--")
			if !ok {
				continue
			}
			words := strings.Fields(comment)
			if len(words) > 1 && words[0] == allowMarker {
				rules[current] = append(rules[current], words[1])
				pending = append(pending, words[1])
			}
		}
	}
	return rules
}

// Allows tells whether a comment permits what a rule finds of the query.
func (q *Query) Allows(rule string) bool { return slices.Contains(q.allowed, rule) }
