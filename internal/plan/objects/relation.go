package objects

import (
	"slices"
	"strings"
)

// What hangs on tables, and is told by PostgreSQL's own statements: indexes,
// constraints, triggers, rules, policies and statistics.

// createStatements runs what a definition says. What is inherited is made with
// what it is inherited from; only its settings are its own.
func createStatements(_ *schemas, o object) []string {
	statements := o.statements()
	if o.marked(markInherited) && len(statements) > 0 {
		return statements[1:]
	}
	return statements
}

// settings are the statements after the first that lead from one definition to
// another, and whether what is gone of them can be undone.
func settings(before, after []string, undo func(string) string) (statements []string, ok bool) {
	for _, statement := range before[1:] {
		if slices.Contains(after, statement) {
			continue
		}
		undone := undo(statement)
		if undone == "" {
			return nil, false
		}
		statements = append(statements, undone)
	}
	for _, statement := range after[1:] {
		if !slices.Contains(before, statement) {
			statements = append(statements, statement)
		}
	}
	return statements, true
}

// undoIndexSetting takes back what an index's or a key's definition says after
// its first statement.
func undoIndexSetting(statement string) string {
	if table, _, ok := strings.Cut(statement, " CLUSTER ON "); ok {
		return table + " SET WITHOUT CLUSTER"
	}
	if head, options, ok := cut(statement, " SET ("); ok {
		var names []string
		for _, option := range split(strings.TrimSuffix(options, ")"), ',') {
			name, _, _ := strings.Cut(option, "=")
			names = append(names, name)
		}
		return head + " RESET (" + strings.Join(names, ", ") + ")"
	}
	if head, _, ok := cut(statement, " SET STATISTICS "); ok {
		return head + " SET STATISTICS -1"
	}
	if head, _, ok := cut(statement, " SET TABLESPACE "); ok {
		return head + " SET TABLESPACE pg_default"
	}
	return ""
}

// indexTable is the table of an index.
func indexTable(o object) string {
	statements := o.statements()
	if len(statements) == 0 {
		return ""
	}
	_, rest, _ := cut(statements[0], " ON ")
	table, _, _ := cut(strings.TrimPrefix(rest, "ONLY "), " ")
	return local(table)
}

// createIndex makes an index. That of a partitioned table goes to all partitions,
// and takes over those that they have.
func createIndex(_ *schemas, o object) []string {
	statements := o.statements()
	head, rest, _ := cut(statements[0], " ON ")
	statements[0] = head + " ON " + strings.TrimPrefix(rest, "ONLY ")
	return statements
}

func refuseIndex(_ *schemas, o object) string {
	if !o.marked(markInvalid) {
		return ""
	}
	return refuse(kindIndex, o.Name, "it is INVALID, which is left over where CREATE INDEX CONCURRENTLY fails, and no statement makes it so", "run REINDEX INDEX "+o.Name+" or drop it there")
}

func dropIndex(_ *schemas, o object) []string {
	if o.marked(markInherited) {
		return nil
	}
	return one("DROP INDEX", o.Name)
}

// alterIndex changes the settings of an index; all else makes it again.
func alterIndex(_ *schemas, from, to object) Change {
	before, after := from.statements(), to.statements()
	head, options := indexOptions(before[0])
	newHead, newOptions := indexOptions(after[0])
	statements, ok := settings(before, after, undoIndexSetting)
	if head != newHead || from.marked(markInvalid) || !ok {
		return Change{}
	}
	var all []string
	for _, action := range setOptions(options, newOptions) {
		all = append(all, "ALTER INDEX "+to.Name+" "+action)
	}
	return Change{Alter: append(all, statements...)}
}

// indexOptions takes WITH (...) out of an index's definition.
func indexOptions(definition string) (without, options string) {
	before, after, ok := cut(definition, " WITH (")
	if !ok {
		return definition, ""
	}
	options, tail, _ := strings.Cut(after, ")")
	return before + tail, strings.ReplaceAll(options, "'", "")
}

func refuseConstraint(_ *schemas, o object) string {
	if !o.marked(markDisabled) {
		return ""
	}
	table, _ := owner(o.Name)
	return refuse(kindConstraint, o.Name, "triggers of it are disabled, which only a superuser can do", "run ALTER TABLE "+table+" ENABLE TRIGGER ALL there")
}

func dropConstraint(_ *schemas, o object) []string {
	if o.marked(markInherited) {
		return nil
	}
	table, name := owner(o.Name)
	return one("ALTER", either(isDomain(o), "DOMAIN", "TABLE"), table, "DROP CONSTRAINT", name)
}

// isDomain tells that a constraint is a domain's.
func isDomain(o object) bool { return strings.HasPrefix(o.Definition, "ALTER DOMAIN ") }

const notValid = " NOT VALID"

// alterConstraint validates, and changes when a foreign key is checked; all else
// makes the constraint again.
func alterConstraint(_ *schemas, from, to object) Change {
	before, after := from.statements(), to.statements()
	statements, ok := settings(before, after, undoIndexSetting)
	table, name := owner(to.Name)
	kind := either(isDomain(to), "DOMAIN ", "TABLE ")
	rule, when := deferral(before[0])
	newRule, newWhen := deferral(after[0])
	switch {
	case !ok || from.marked(markDisabled):
		return Change{}
	case before[0] == after[0]:
		return Change{Alter: statements}
	case before[0] == after[0]+notValid:
		return Change{Alter: append([]string{"ALTER " + kind + table + " VALIDATE CONSTRAINT " + name}, statements...)}
	case rule == newRule && when != newWhen && strings.Contains(rule, " FOREIGN KEY "):
		return Change{Alter: append([]string{alterTableTo(table, "ALTER CONSTRAINT "+name+" "+newWhen)}, statements...)}
	default:
		return Change{}
	}
}

// deferral takes off a constraint's definition when it is checked.
func deferral(definition string) (rule, when string) {
	for _, when := range []string{"DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE"} {
		if rule, ok := strings.CutSuffix(definition, " "+when); ok {
			return rule, when + either(when == "DEFERRABLE", " INITIALLY IMMEDIATE", "")
		}
	}
	return definition, "NOT DEFERRABLE"
}

// dropOfTable drops a trigger, rule or policy.
func dropOfTable(_ *schemas, o object) []string {
	if o.marked(markInherited) {
		return nil
	}
	table, name := owner(o.Name)
	return one("DROP", strings.ToUpper(string(o.Kind)), name, "ON", table)
}

// alterFiring changes a trigger or rule, or whether it fires. Constraint triggers
// can't be replaced.
func alterFiring(_ *schemas, from, to object) Change {
	before, after := from.statements(), to.statements()
	table, name := owner(to.Name)
	kind := strings.ToUpper(string(to.Kind))
	if before[0] != after[0] {
		definition, ok := strings.CutPrefix(after[0], "CREATE "+kind)
		if !ok || to.marked(markInherited) {
			return Change{}
		}
		after[0] = "CREATE OR REPLACE " + kind + definition
		if to.Kind == kindRule && len(before) > 1 && len(after) == 1 { // a rule keeps its state
			after = append(after, alterTableTo(table, "ENABLE RULE "+name))
		}
		return Change{Alter: after}
	}
	if len(after) > 1 {
		return Change{Alter: after[1:]}
	}
	return Change{Alter: one(alterTableTo(table, "ENABLE "+kind+" "+name))}
}

// createPolicy names the roles, of which those of Bailiwick are placeholders.
func createPolicy(_ *schemas, o object) []string {
	head, roles, tail := policyParts(o)
	return one(head, "TO", roles+tail)
}

// alterPolicy changes roles and expressions. An expression can't be taken away,
// nor the command be changed.
func alterPolicy(_ *schemas, from, to object) Change {
	head, _, tail := policyParts(from)
	newHead, roles, newTail := policyParts(to)
	if head != newHead || strings.Contains(tail, " USING (") && !strings.HasPrefix(newTail, " USING (") || hasCheck(tail) && !hasCheck(newTail) {
		return Change{}
	}
	table, name := owner(to.Name)
	return Change{Alter: one("ALTER POLICY", name, "ON", table, "TO", roles+newTail)}
}

func hasCheck(tail string) bool {
	_, _, ok := cut(tail, " WITH CHECK (")
	return ok
}

// policyParts takes a policy's definition apart: what can't be changed of it, its
// roles, and its expressions with a space before.
func policyParts(o object) (head, roles, tail string) {
	head, roles, _ = cut(o.Definition, " TO ")
	for _, word := range []string{" USING (", " WITH CHECK ("} {
		if before, after, ok := cut(roles, word); ok {
			roles, tail = before, word+after
			break
		}
	}
	names := split(roles, ',')
	for i, name := range names {
		names[i] = role(name)
	}
	return head, strings.Join(names, ", "), tail
}

// alterStatistics changes how much is sampled.
func alterStatistics(_ *schemas, from, to object) Change {
	before, after := from.statements(), to.statements()
	statements, ok := settings(before, after, undoIndexSetting)
	if before[0] != after[0] || !ok {
		return Change{}
	}
	return Change{Alter: statements}
}
