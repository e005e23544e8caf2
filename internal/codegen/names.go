package codegen

import (
	"bytes"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// keywords refuses query names of which sqlc would make a keyword of Go.
func (r *run) keywords() diag.List {
	var found diag.List
	for _, scope := range r.project.Scopes() {
		for name, at := range queries.Places(r.sources(scope)) {
			if constant := strings.ToLower(name[:1]) + name[1:]; token.IsKeyword(constant) {
				found = append(found, diag.Diagnostic{
					File: at.File, Line: at.Line, Rule: "query-name", Subject: name,
					Message: "sqlc writes a constant for it, whose name would be a keyword of Go", Mend: "give it another name",
				})
			} else if needed(constant) {
				found = append(found, diag.Diagnostic{
					File: at.File, Line: at.Line, Rule: "query-name", Subject: name,
					Message: "sqlc writes a constant " + constant + " for it, which hides what Go means by that name", Mend: "give it another name",
				})
			}
		}
	}
	return found
}

// needed is true for Go's predeclared names that sqlc's output uses.
func needed(name string) bool {
	_, function := types.Universe.Lookup(name).(*types.Builtin)
	return types.Universe.Lookup(name) != nil && (!function || slices.Contains([]string{"append", "len"}, name))
}

var (
	comment   = regexp.MustCompile(`--[^\n]*`)
	enumList  = regexp.MustCompile(`(?i)\bAS\s+ENUM\s*\((?:[^')]|'(?:[^']|'')*')*\)`)
	enumValue = regexp.MustCompile(`(?i)\bADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?'(?:[^']|'')*'`)
	sqlText   = regexp.MustCompile(`'((?:[^']|'')*)'`)
)

// labels refuses enum labels that sqlc would not quote as Go has to.
func (r *run) labels() diag.List {
	var found diag.List
	for _, scope := range r.project.Scopes() {
		for _, file := range scope.Schema {
			text := comment.ReplaceAllFunc(r.inputs[file], func(c []byte) []byte { return bytes.Repeat([]byte(" "), len(c)) })
			for _, at := range slices.Concat(enumList.FindAllIndex(text, -1), enumValue.FindAllIndex(text, -1)) {
				for _, label := range sqlText.FindAllSubmatchIndex(text[at[0]:at[1]], -1) {
					value := string(text[at[0]+label[2] : at[0]+label[3]])
					if strings.ContainsAny(value, "\"\\\n") {
						found = append(found, diag.Diagnostic{
							File: file, Line: 1 + bytes.Count(text[:at[0]+label[0]], []byte("\n")), Rule: "enum-label", Subject: value,
							Message: "sqlc writes the label into Go as it is, where its quotes, backslashes or line breaks mean something else",
							Mend:    "give it another text, without them",
						})
					}
				}
			}
		}
	}
	return found
}
