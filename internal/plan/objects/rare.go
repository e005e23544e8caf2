package objects

import (
	"strconv"
	"strings"
)

// createExtension makes an extension in the schema, with the version that is
// desired.
func createExtension(_ *schemas, o object) []string {
	return one("CREATE EXTENSION", o.Name, "SCHEMA", schemaName, "VERSION", literal(o.attr("version")))
}

func alterExtension(_ *schemas, _, to object) Change {
	return Change{Alter: one("ALTER EXTENSION", to.Name, "UPDATE TO", literal(to.attr("version")))}
}

func createTSConfig(_ *schemas, o object) []string {
	all := one("CREATE TEXT SEARCH CONFIGURATION", o.Name, "(PARSER = "+o.attr("parser")+")")
	return append(all, mappings(o)...)
}

// tokens are the names of the default parser's types of tokens, by number.
var tokens = []string{
	"", "asciiword", "word", "numword", "email", "url", "host", "sfloat", "version", "hword_numpart", "hword_part", "hword_asciipart",
	"blank", "tag", "protocol", "numhword", "asciihword", "hword", "url_path", "file", "float", "int", "uint", "entity",
}

// mappings are the dictionaries of each type of token, in their order.
func mappings(o object) []string {
	dictionaries := map[string][]string{}
	var inOrder []string
	for line := range strings.SplitSeq(o.Definition, "\n") {
		rest, ok := strings.CutPrefix(line, "mapping ")
		if !ok {
			continue
		}
		where, dictionary, _ := strings.Cut(rest, ": ")
		number, _, _ := strings.Cut(where, ".")
		if _, ok := dictionaries[number]; !ok {
			inOrder = append(inOrder, number)
		}
		dictionaries[number] = append(dictionaries[number], dictionary)
	}
	all := make([]string, 0, len(inOrder))
	for _, number := range inOrder {
		all = append(all, join("ALTER TEXT SEARCH CONFIGURATION", o.Name, "ADD MAPPING FOR", token(number), "WITH", strings.Join(dictionaries[number], ", ")))
	}
	return all
}

func createTSDict(_ *schemas, o object) []string {
	return one("CREATE TEXT SEARCH DICTIONARY", o.Name, "(TEMPLATE = "+o.attr("template")+prefixed(", ", o.attr("options"))+")")
}

// alterTSDict sets options, and takes away those that are gone.
func alterTSDict(_ *schemas, from, to object) Change {
	if from.attr("template") != to.attr("template") {
		return Change{}
	}
	options := split(to.attr("options"), ',')
	for _, option := range split(from.attr("options"), ',') {
		name, _, _ := strings.Cut(option, " =")
		if !strings.Contains(", "+to.attr("options"), ", "+name+" =") {
			options = append(options, name)
		}
	}
	return Change{Alter: one("ALTER TEXT SEARCH DICTIONARY", to.Name, "("+strings.Join(options, ", ")+")")}
}

func createConversion(_ *schemas, o object) []string {
	return one("CREATE", either(o.attr("default") == "", "", "DEFAULT"), "CONVERSION", o.Name,
		"FOR", literal(o.attr("from")), "TO", literal(o.attr("to")), "FROM", o.attr("function"))
}

func createCast(_ *schemas, o object) []string {
	how := "WITH FUNCTION " + o.attr("function")
	switch o.attr("method") {
	case "inout":
		how = "WITH INOUT"
	case "binary":
		how = "WITHOUT FUNCTION"
	}
	return one("CREATE CAST ("+o.Name+")", how, either(o.attr("context") == "explicit", "", "AS "+strings.ToUpper(o.attr("context"))))
}

func dropCast(_ *schemas, o object) []string { return one("DROP CAST (" + o.Name + ")") }

// refusePublication: tables and schemas are members of publications, which are the
// database's.
func refusePublication(_ *schemas, o object) string {
	publication, table, _ := cut(o.Name, " of ")
	on := "TABLE " + table
	if o.has("tables: all") {
		on = "TABLES IN SCHEMA"
	}
	return refuse(kindPublication, o.Name, "a publication is the database's, and a scratch database has none to try it with",
		"make it all tables' own (CREATE PUBLICATION "+publication+" FOR ALL TABLES), or take it out by hand while schemas change: ALTER PUBLICATION "+publication+" DROP "+on)
}

func dropPublication(_ *schemas, o object) []string {
	publication, table, _ := cut(o.Name, " of ")
	if o.has("tables: all") {
		return one("ALTER PUBLICATION", publication, "DROP TABLES IN SCHEMA", schemaName)
	}
	return one("ALTER PUBLICATION", publication, "DROP TABLE", table)
}

// token is the name of a type of token.
func token(number string) string {
	n, err := strconv.Atoi(number)
	if err != nil || n >= len(tokens) {
		return number
	}
	return tokens[n]
}
