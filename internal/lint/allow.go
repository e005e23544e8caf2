package lint

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

const allowMarker = "bailiwick:allow"

// allow is one "bailiwick:allow RULE reason" comment.
type allow struct {
	rule, reason string
	line, column int
	attached     bool
	used         bool
	problem      string // why it allows nothing, however it is used
}

// parseAllow reads a comment's text, with its marks. It is false when the
// comment does not speak of bailiwick:allow at all.
func parseAllow(text string) (allow, bool) {
	body, lineComment := strings.CutPrefix(text, "--")
	if !lineComment {
		body, lineComment = strings.CutPrefix(text, "//")
		// Go's documentation may speak of the comment without being one.
		if lineComment && !strings.HasPrefix(strings.TrimSpace(body), allowMarker) {
			return allow{}, false
		}
	}
	at := strings.Index(body, allowMarker)
	if at < 0 {
		return allow{}, false
	}
	if !lineComment || strings.TrimSpace(body[:at]) != "" {
		return allow{problem: "an allow comment stands alone on its line, as a line comment"}, true
	}
	rest := body[at+len(allowMarker):]
	if rest != "" && strings.TrimLeft(rest, " \t") == rest {
		return allow{problem: "an allow comment without a rule"}, true
	}
	rule, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	a := allow{rule: rule, reason: strings.TrimSpace(reason)}
	switch {
	case rule == "":
		a.problem = "an allow comment without a rule"
	case rules[rule] == "" && checked[rule] == "" && vetted[rule] == "":
		a.problem = fmt.Sprintf("allow comment of the unknown rule %q", rule)
	case never[rule]:
		a.problem = fmt.Sprintf("rule %s cannot be allowed", rule)
	case a.reason == "":
		a.problem = fmt.Sprintf("allow comment of %s without a reason", rule)
	}
	return a, true
}

// allows returns the statement's allow comments, those inside function bodies too.
func (s *statement) allows() []*allow {
	var list []*allow
	for _, c := range s.comments {
		a, ok := parseAllow(c.text)
		if !ok {
			continue
		}
		a.line, a.column = position(s.source, c.start)
		a.attached = c.attached && s.tree != nil
		list = append(list, &a)
	}
	return list
}

// applyAllows marks the findings that a comment permits, and adds one for each
// comment that permits nothing.
func (s *statement) applyAllows(found diag.List) diag.List {
	return settle(s.file, found, s.allows())
}

func settle(file string, found diag.List, allows []*allow) diag.List {
	for i, d := range found {
		for _, a := range allows {
			if a.problem == "" && a.attached && a.rule == d.Rule {
				found[i].Allowed = a.reason
				a.used = true
			}
		}
	}
	for _, a := range allows {
		problem := a.problem
		if problem == "" && !a.used && checked[a.rule] == "" && (vetted[a.rule] == "" || path.Ext(file) != ".go") {
			problem = fmt.Sprintf("allow comment of %s allows nothing", a.rule)
		}
		if problem == "" {
			continue
		}
		found = append(found, diag.Diagnostic{
			File: file, Line: a.line, Column: a.column, Rule: ruleAllow, Message: problem,
			Mend: "write -- bailiwick:allow RULE reason directly above or inside the statement that needs it, or remove the comment",
		})
	}
	return found
}

// Allow is a comment that speaks of one of check's rules or of vet's.
type Allow struct {
	File         string
	Line, Column int
	// Query is the name of the query that the comment belongs to; empty in Go.
	Query, Rule, Reason string
}

// CheckAllows returns the comments of a query file that check has to apply.
func CheckAllows(f File) []Allow {
	var list []Allow
	for _, s := range split(f) {
		for _, a := range s.allows() {
			if a.problem == "" && checked[a.rule] != "" {
				list = append(list, Allow{File: f.Name, Line: a.line, Column: a.column, Query: s.name, Rule: a.rule, Reason: a.reason})
			}
		}
	}
	return list
}

// VetAllows returns the comments of a Go file that vet has to apply: each to the
// findings of its own line and of the next.
func VetAllows(fset *token.FileSet, tree *ast.File) []Allow {
	var list []Allow
	for _, a := range goAllows(fset, tree) {
		if a.problem == "" && vetted[a.rule] != "" {
			list = append(list, Allow{Line: a.line, Column: a.column, Rule: a.rule, Reason: a.reason})
		}
	}
	return list
}
