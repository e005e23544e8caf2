package plan

import (
	"fmt"
	"regexp"
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// Severities of findings.
const (
	severityError   = "error"
	severityWarning = "warning"
)

// planLint gathers what is to be said of one plan.
type planLint struct {
	*Plan

	found     []Finding
	statement string
	created   map[string]bool // tables that the plan makes
	added     map[string]bool // columns that it adds, as table.column; whether they are filled
	keyed     map[string]bool // those of them that have a primary key
	readings  []reading       // of the backfills so far
}

// lintPlan says what an operator should know before a certified plan is applied.
// An error refuses the plan: it reaches for what is not its own. Atlas's analyzers
// have been asked already, and found is what they said.
func lintPlan(p *Plan, found []atlas.Finding) []Finding {
	l := &planLint{Plan: p, created: map[string]bool{}, added: map[string]bool{}, keyed: map[string]bool{}}
	for _, f := range found {
		if byData[f.Rule] {
			continue // data.go says more.
		}
		// Where Atlas's statement failed, something else is in the plan.
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return slices.Contains(s.Statements, f.Statement) }) {
			l.statement = f.Statement
			l.warnf(f.Rule, mends[f.Rule], "%s (Atlas's %s)", f.Message, f.Code)
		}
	}
	for _, step := range p.Steps {
		l.step(step)
	}
	l.locks()
	for _, table := range sortedKeys(l.created) {
		if !l.keyed[table] {
			l.statement = ""
			l.warnf("no-primary-key", mends["no-primary-key"], "table %s has no primary key", table)
		}
	}
	return l.found
}

// step looks at the statements of a step.
func (l *planLint) step(step Step) {
	for _, statement := range step.Statements {
		l.statement = statement
		l.text()
		tree, err := lint.Parse(statement)
		if err != nil {
			continue // It ran; PostgreSQL's grammar is newer than the parser's.
		}
		for _, s := range tree.GetStmts() {
			l.tree(s.GetStmt())
			if step.Kind == Backfill {
				l.backfilled(step.Table, s.GetStmt())
			}
		}
	}
}

// mends say what to do about a rule's findings.
var mends = map[string]string{
	"drops-table":          "be sure that no release reads it any more, and that its rows are backed up",
	"drops-column":         "be sure that no release reads it any more, and that its values are backed up",
	"drops-foreign-key":    "be sure that nothing relies on it",
	dataDependent:          "look for such data first, and mend it by a backfill step of a plan file; a tenant that has it fails and stays as it is",
	"renames":              "add the new name, move the code over, and drop the old one in a later rollout",
	"rewrites-table":       "for big tables: add a new column, backfill it in a plan file, and move the code over",
	"scans-table":          "for big tables, in a plan file: add the constraint NOT VALID, and VALIDATE it in a later step",
	"index-blocks-writes":  "for big tables: diff { concurrent_index { create = true } } in atlas.hcl, or CREATE INDEX CONCURRENTLY in a plan file",
	"no-primary-key":       "give it one, on a bigint or a uuid",
	"narrow-key":           "make it a bigint or a uuid: integers run out, and changing the type later rewrites the table",
	"unnamed-constraint":   "name it, so that later plans can",
	"identity-added-later": "add it in the statement that makes the table, or use a uuid with gen_random_uuid()",
	"no-search-path":       "add SET search_path = pg_catalog, pg_temp to the function, or SET search_path FROM CURRENT",
	dropsAfterBackfill:     "drop it in a later rollout, when all code that runs writes to the new place",
	"names-tenant":         "leave the schema out: a plan runs in each tenant's own",
	ruleGap:                "do without it in between, or let one step in a transaction make it anew",
	"writes-public":        "write a plan file of public (-- bailiwick:plan public) for it",
}

func (l *planLint) addf(severity, rule, mend, format string, args ...any) {
	f := Finding{Rule: rule, Statement: l.statement, Message: fmt.Sprintf(format, args...), Mend: mend, Severity: severity}
	same := func(g Finding) bool { return g.Rule == f.Rule && g.Statement == f.Statement }
	if !slices.ContainsFunc(l.found, same) {
		l.found = append(l.found, f)
	}
}

func (l *planLint) warnf(rule, mend, format string, args ...any) {
	l.addf(severityWarning, rule, mend, format, args...)
}

var tenantName = regexp.MustCompile(`\bt_[0-9a-f]{32}\b`)

// text looks at the statement as it is written, texts in it included: they may be
// run.
func (l *planLint) text() {
	if name := tenantName.FindString(l.statement); name != "" {
		l.addf(severityError, "names-tenant", mends["names-tenant"], "the statement names one tenant's schema or role, %s", name)
	}
}

// locks judges what was measured.
func (l *planLint) locks() {
	for _, k := range l.Locks {
		l.statement = k.Statement
		switch {
		case k.Rewrite:
			l.warnf("rewrites-table", mends["rewrites-table"], "table %s is written anew, and nobody can use it meanwhile", k.Table)
		case k.Scan && k.Mode == "SHARE":
			l.warnf("index-blocks-writes", mends["index-blocks-writes"], "nobody can write to table %s until the index is made", k.Table)
		case k.Scan && k.Mode != weakestScan:
			l.warnf("scans-table", mends["scans-table"], "all of table %s is read under a lock (%s)", k.Table, k.Mode)
		}
	}
}

// tree looks at one statement.
func (l *planLint) tree(n *pgquery.Node) {
	l.public(n)
	switch {
	case n.GetCreateStmt() != nil:
		l.createTable(n.GetCreateStmt())
	case n.GetAlterTableStmt() != nil:
		l.alterTable(n.GetAlterTableStmt())
	case n.GetDropStmt().GetRemoveType() == pgquery.ObjectType_OBJECT_TABLE && n.GetDropStmt() != nil:
		l.dropTables(n.GetDropStmt())
	case n.GetRenameStmt() != nil:
		r := n.GetRenameStmt()
		switch r.GetRenameType() {
		case pgquery.ObjectType_OBJECT_TABLE, pgquery.ObjectType_OBJECT_COLUMN, pgquery.ObjectType_OBJECT_VIEW:
			l.warnf("renames", mends["renames"], "releases that know the old name fail from then on: %s", r.GetNewname())
		default:
		}
	case n.GetCreateFunctionStmt() != nil:
		l.function(n.GetCreateFunctionStmt())
	case n.GetIndexStmt() != nil:
		l.uniqueIndex(n.GetIndexStmt())
	case n.GetAlterDomainStmt() != nil:
		l.domain(n.GetAlterDomainStmt())
	case n.GetAlterSeqStmt() != nil:
		l.sequence(n.GetAlterSeqStmt())
	}
}

func (l *planLint) function(f *pgquery.CreateFunctionStmt) {
	definer, path := false, false
	for _, o := range f.GetOptions() {
		e := o.GetDefElem()
		definer = definer || e.GetDefname() == "security" && e.GetArg().GetBoolean().GetBoolval()
		path = path || e.GetDefname() == "set" && e.GetArg().GetVariableSetStmt().GetName() == "search_path"
	}
	if definer && !path {
		l.warnf("no-search-path", mends["no-search-path"], "a SECURITY DEFINER function obeys the caller's search_path")
	}
}
