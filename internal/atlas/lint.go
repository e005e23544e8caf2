package atlas

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	_ "ariga.io/atlas/sql/postgres/postgrescheck" // Registers the analyzers of PostgreSQL.
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlcheck"
)

// Finding is what an analyzer of Atlas has to say of a statement.
type Finding struct {
	// Rule is Bailiwick's name for it, Code is Atlas's.
	Rule, Code string
	Statement  string
	Message    string
}

// rules gives Atlas's findings the names that Bailiwick's own have. A code that
// is not here keeps its own name.
var rules = map[string]string{
	"DS102": "drops-table", "DS103": "drops-column",
	"MF101": "may-hold-duplicates", "MF102": "may-hold-duplicates",
	"MF103": "not-null-without-default", "MF104": "may-hold-nulls",
	"CD101": "drops-foreign-key",
	"BC101": "renames", "BC102": "renames",
}

// analyze runs Atlas's analyzers over the changes of a plan, each as if it were a
// statement of a file at the position of its index.
func analyze(ctx context.Context, changes []schema.Change, plan *migrate.Plan) ([]Finding, error) {
	analyzers, err := sqlcheck.AnalyzerFor(postgres.DriverName, &schemahcl.Resource{})
	if err != nil {
		return nil, fmt.Errorf("find Atlas's analyzers: %w", err)
	}
	file := &sqlcheck.File{File: migrate.NewLocalFile("plan.sql", nil), Sum: changes}
	for i, c := range changes {
		file.Changes = append(file.Changes, &sqlcheck.Change{Changes: schema.Changes{c}, Stmt: &migrate.Stmt{Pos: i}})
	}
	var found []Finding
	pass := &sqlcheck.Pass{File: file, Reporter: sqlcheck.ReportWriterFunc(func(r sqlcheck.Report) {
		for _, d := range r.Diagnostics {
			if filled(changes[d.Pos], d.Text) {
				continue
			}
			rule, known := rules[d.Code]
			if !known {
				rule = d.Code
			}
			found = append(found, Finding{Rule: rule, Code: d.Code, Message: sentence(d.Text), Statement: statementOf(changes[d.Pos], d.Text, plan)})
		}
	})}
	for _, a := range analyzers {
		// What is returned is that something was reported: Atlas takes the
		// destructive for an error, and here the operator decides.
		n := len(found)
		if err := a.Analyze(ctx, pass); err != nil && len(found) == n {
			return nil, fmt.Errorf("analyze the plan: %w", err)
		}
	}
	return found, nil
}

// filled tells that a finding is about a new NOT NULL column that PostgreSQL
// itself fills, which Atlas does not see.
func filled(c schema.Change, text string) bool {
	m, ok := c.(*schema.ModifyTable)
	return ok && slices.ContainsFunc(m.Changes, func(c schema.Change) bool {
		add, ok := c.(*schema.AddColumn)
		return ok && (attr[*postgres.Identity](add.C.Attrs) != nil || attr[*schema.GeneratedExpr](add.C.Attrs) != nil) &&
			strings.Contains(text, fmt.Sprintf("column %q will fail", add.C.Name))
	})
}

// quotedName finds the names in an analyzer's text.
var quotedName = regexp.MustCompile(`"[^"]+"`)

// statementOf is the statement of the plan that a finding is about: the one of
// the change's table that holds most of the names in the text.
func statementOf(c schema.Change, text string, plan *migrate.Plan) string {
	table := func(c schema.Change) string {
		switch c := c.(type) {
		case *schema.ModifyTable:
			return c.T.Name
		case *schema.DropTable:
			return c.T.Name
		}
		return ""
	}
	best, most := "", -1
	for _, p := range plan.Changes {
		if table(p.Source) != table(c) {
			continue
		}
		n := 0
		for _, name := range quotedName.FindAllString(text, -1) {
			if strings.Contains(p.Cmd, name) {
				n++
			}
		}
		if n > most {
			best, most = p.Cmd, n
		}
	}
	return best
}
