package check

import (
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// allow applies the allow comments that speak of check's rules. Lint leaves
// those to check, which alone knows whether they allow something.
func (c *checker) allow() {
	for _, scope := range c.model.Project.Scopes() {
		for _, file := range scope.Queries {
			for _, a := range lint.CheckAllows(lint.File{Name: file, Text: string(c.model.Inputs[file])}) {
				c.applyAllow(a)
			}
		}
	}
}

func (c *checker) applyAllow(a lint.Allow) {
	used := false
	for i := range c.found {
		d := &c.found[i]
		name := a.Query
		if d.File == a.File && d.Rule == a.Rule && (d.Subject == name || len(d.Subject) > len(name) && d.Subject[:len(name)+1] == name+".") {
			d.Allowed, used = a.Reason, true
		}
	}
	if !used {
		c.found = append(c.found, diag.Diagnostic{
			File: a.File, Line: a.Line, Column: a.Column, Rule: "allow-comment",
			Message: "allow comment of " + a.Rule + " allows nothing", Mend: "remove the comment",
		})
	}
}
