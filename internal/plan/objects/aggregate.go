package objects

import (
	"maps"
	"slices"
	"strings"
)

// modifies are the values of FINALFUNC_MODIFY.
var modifies = map[string]string{"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}

// createAggregate makes an aggregate from the options that it has.
func createAggregate(_ *schemas, o object) []string {
	var options []string
	for _, key := range []string{
		"sfunc", "stype", "sspace", "finalfunc", "finalfunc_extra", "finalfunc_modify", "combinefunc", "serialfunc", "deserialfunc",
		"initcond", "msfunc", "minvfunc", "mstype", "msspace", "mfinalfunc", "mfinalfunc_extra", "mfinalfunc_modify", "minitcond", "sortop", "parallel",
	} {
		value, ok := o.attributes[key]
		switch {
		case !ok || key == "sspace" && value == "0":
			continue
		case strings.HasSuffix(key, "_extra"):
			options = append(options, strings.ToUpper(key))
			continue
		case strings.HasSuffix(key, "_modify"):
			value = modifies[value]
		case strings.HasSuffix(key, "initcond"):
			value = literal(value)
		case key == "sortop":
			value = operatorName(value)
		}
		options = append(options, strings.ToUpper(key)+" = "+value)
	}
	if o.attr("kind") == "hypothetical" {
		options = append(options, "HYPOTHETICAL")
	}
	arguments := o.attr("arguments")
	if arguments == "" {
		arguments = "*"
	}
	return one("CREATE AGGREGATE", baseName(o.Name)+"("+arguments+")", "("+strings.Join(options, ", ")+")")
}

// alterAggregate replaces an aggregate, which works if it keeps its result and
// its kind.
func alterAggregate(s *schemas, from, to object) Change {
	create := createAggregate(s, to)
	return Change{
		Alter: one("CREATE OR REPLACE" + strings.TrimPrefix(create[0], "CREATE")),
		Drop:  dropRoutine(s, from), Create: create,
	}
}

// baseName is a routine's name without its arguments.
func baseName(name string) string {
	quoted := false
	for i := range len(name) {
		switch {
		case name[i] == '"':
			quoted = !quoted
		case name[i] == '(' && !quoted:
			return strings.TrimSpace(name[:i])
		}
	}
	return name
}

// operatorName is an operator's name as it stands in options, from its name with
// its operands.
func operatorName(signature string) string {
	name := baseName(signature)
	if strings.Contains(name, ".") {
		return "OPERATOR(" + name + ")"
	}
	return name
}

// createOperator makes an operator. One that is told without a function is only
// named by another one as its commutator or negator, which makes it.
func createOperator(_ *schemas, o object) []string {
	if o.attr("function") == "-" {
		return nil
	}
	operands := split(strings.TrimSuffix(strings.TrimPrefix(o.Name[len(baseName(o.Name)):], " ("), ")"), ',')
	options := []string{"FUNCTION = " + o.attr("function")}
	for i, key := range []string{"LEFTARG", "RIGHTARG"} {
		if i < len(operands) && operands[i] != "NONE" {
			options = append(options, key+" = "+operands[i])
		}
	}
	for _, key := range []string{"commutator", "negator"} {
		if value := o.attr(key); value != "" {
			options = append(options, strings.ToUpper(key)+" = "+operatorName(value))
		}
	}
	for _, key := range []string{"restrict", "join"} {
		if value := o.attr(key); value != "" {
			options = append(options, strings.ToUpper(key)+" = "+value)
		}
	}
	for _, key := range []string{"hashes", "merges"} {
		if o.attr(key) != "" {
			options = append(options, strings.ToUpper(key))
		}
	}
	return one("CREATE OPERATOR", baseName(o.Name), "("+strings.Join(options, ", ")+")")
}

// alterOperator changes the estimators of an operator.
func alterOperator(_ *schemas, from, to object) Change {
	for _, key := range []string{"function", "commutator", "negator", "hashes", "merges"} {
		if from.attr(key) != to.attr(key) {
			return Change{}
		}
	}
	estimators := map[string]string{}
	for _, key := range []string{"restrict", "join"} {
		if from.attr(key) != to.attr(key) {
			estimators[key] = strings.ToUpper(key) + " = " + either(to.attr(key) == "", "NONE", to.attr(key))
		}
	}
	return Change{Alter: one("ALTER OPERATOR", to.Name, "SET ("+strings.Join(slices.Sorted(maps.Values(estimators)), ", ")+")")}
}
