package queries

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// conflicts reports what sqlc wrote though it cannot compile: SQL names that
// are one name in Go. Each is traced back to the SQL as far as that goes.
func conflicts(scope *project.Scope, r *request, goFiles map[string][]byte, places map[string]Place, schema map[string][]byte) diag.List {
	t := &tracer{request: r, places: places, schema: schema}
	var found diag.List
	for _, c := range gosrc.Conflicts(goFiles) {
		d := t.trace(c)
		d.Rule = "go-name"
		if d.Message == "" {
			d = diag.Diagnostic{
				File: project.SQLCFile, Line: scope.Line, Rule: "go-name", Subject: c.Name,
				Message: fmt.Sprintf("sqlc's Go does not compile: %s (%s:%d)", c.Message, path.Join(scope.Out, c.File), c.Line),
				Mend:    "give what becomes this name in Go another one in SQL, or by `rename` in " + project.SQLCFile,
			}
		}
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	return found
}

// tracer finds the SQL that a Go name was made from.
type tracer struct {
	request *request
	places  map[string]Place
	schema  map[string][]byte
}

// trace gives a finding without a message when the SQL cannot be told.
func (t *tracer) trace(c gosrc.Conflict) diag.Diagnostic {
	switch {
	case len(c.Sources) == 2 && c.In != "" && c.Sources[1] != "" && t.isEnum(c.Sources[1]):
		return t.labels(c)
	case c.In != "":
		return t.fields(c)
	}
	return t.tables(c)
}

func (t *tracer) isEnum(label string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(t.request.enums())), func(labels []string) bool { return slices.Contains(labels, label) })
}

func (t *tracer) labels(c gosrc.Conflict) diag.Diagnostic {
	at := t.find("'" + regexp.QuoteMeta(strings.ReplaceAll(c.Sources[1], "'", "''")) + "'")
	return diag.Diagnostic{
		File: at.File, Line: at.Line, Subject: c.In,
		Message: fmt.Sprintf("the labels '%s' and '%s' are both called %s in Go", c.Sources[0], c.Sources[1], c.Name),
		Mend:    "give one of them another text",
	}
}

// fields traces a field to the parameters or columns of a query, or else to
// the columns of a table.
func (t *tracer) fields(c gosrc.Conflict) diag.Diagnostic {
	for i := range t.request.Queries {
		q := &t.request.Queries[i]
		var columns []jsonColumn
		what := "parameters"
		switch c.In {
		case q.Name + "Params":
			for _, p := range q.Params {
				columns = append(columns, p.Column)
			}
		case q.Name + "Row":
			columns, what = q.Columns, "columns"
		}
		if names := alike(columns, c.Name); len(names) > 1 {
			at := t.places[q.Name]
			return renamed(at, q.Name, what, names, c.Name)
		}
	}
	var found diag.Diagnostic
	t.request.userSchemas(func(s *jsonSchema, _ string) {
		for i := range s.Tables {
			table := &s.Tables[i]
			if !sameTable(table.Rel.Name, c.In) && !sameTable(s.Name+table.Rel.Name, c.In) {
				continue
			}
			if names := alike(table.Columns, c.Name); len(names) > 1 {
				at := t.find(`(?:^|[\s(,"])` + regexp.QuoteMeta(names[len(names)-1]) + `["\s]`)
				found = renamed(at, table.Rel.Name, "columns", names, c.Name)
			}
		}
	})
	return found
}

func renamed(at Place, subject, what string, names []string, goName string) diag.Diagnostic {
	return diag.Diagnostic{
		File: at.File, Line: at.Line, Subject: subject,
		Message: fmt.Sprintf("the %s %s are all called %s in Go", what, strings.Join(names, ", "), goName),
		Mend:    "give one of them another name, or another name in Go: `rename: {" + names[len(names)-1] + ": OtherName}` in " + project.SQLCFile,
	}
}

// tables traces a type to tables, views and enums.
func (t *tracer) tables(c gosrc.Conflict) diag.Diagnostic {
	var names []string
	t.request.userSchemas(func(s *jsonSchema, prefix string) {
		all := make([]string, 0, len(s.Tables)+len(s.Enums))
		for i := range s.Tables {
			all = append(all, s.Tables[i].Rel.Name)
		}
		for _, e := range s.Enums {
			all = append(all, e.Name)
		}
		for _, name := range all {
			if sameTable(name, c.Name) || sameTable(prefix+name, c.Name) {
				names = append(names, prefix+name)
			}
		}
	})
	if len(names) < 2 {
		return diag.Diagnostic{}
	}
	last := names[len(names)-1]
	at := t.find(`(?i)(?:TABLE|VIEW|TYPE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"?\w+"?\.)?"?` + regexp.QuoteMeta(last[strings.LastIndex(last, ".")+1:]) + `["\s(]`)
	return diag.Diagnostic{
		File: at.File, Line: at.Line, Subject: last,
		Message: fmt.Sprintf("the tables or types %s are all called %s in Go", strings.Join(names, ", "), c.Name),
		Mend:    "give one of them another name, or write `emit_exact_table_names: true` under gen.go of " + project.SQLCFile,
	}
}

// sameTable is true when sqlc can have made a type's name from a table's.
func sameTable(table, goName string) bool {
	sql, name := Normalize(table), Normalize(goName)
	return slices.Contains([]string{name, name + "s", name + "es", strings.TrimSuffix(name, "y") + "ies"}, sql)
}

// alike lists the columns of which sqlc makes one Go name.
func alike(columns []jsonColumn, goName string) []string {
	var names []string
	for _, c := range columns {
		if Normalize(c.Name) == Normalize(goName) && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// find gives the first place of a pattern in the schema.
func (t *tracer) find(pattern string) Place {
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return Place{File: project.SQLCFile}
	}
	for _, file := range slices.Sorted(maps.Keys(t.schema)) {
		line := 0
		for text := range strings.Lines(string(t.schema[file])) {
			line++
			if expr.MatchString(text) {
				return Place{file, line}
			}
		}
	}
	return Place{File: cmp.Or(slices.Sorted(maps.Keys(t.schema))...)}
}
