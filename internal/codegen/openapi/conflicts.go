package openapi

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

const nameRule = "go-name"

// conflicts reports what oapi-codegen wrote though it cannot compile: names of
// the document that are one name in Go. Each is traced back to the document as
// far as that goes.
func conflicts(output, file string, document, src []byte) diag.List {
	all := gosrc.Conflicts(map[string][]byte{output: src})
	if len(all) == 0 {
		return nil
	}
	d := &Document{File: file}
	if err := yaml.Unmarshal(withLines(document), &d.root); err != nil {
		return diag.List{d.At(yamlErrorLine(err), rule, "", mendFile, "%s", yamlMessage(err))}
	}
	var found, untraced diag.List
	for _, c := range all {
		switch f, ok := d.trace(c); {
		case !ok && !slices.ContainsFunc(untraced, func(u diag.Diagnostic) bool { return u.Subject == c.Name }):
			untraced = append(untraced, d.At(0, nameRule, c.Name, "give one of the two another name, by `x-go-name` where there is one",
				"oapi-codegen's Go does not compile: %s (%s:%d)", c.Message, output, c.Line))
		case ok && !slices.Contains(found, f):
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return found // the others are most likely consequences
	}
	return untraced
}

// trace finds the names that a conflict comes from.
func (d *Document) trace(c gosrc.Conflict) (diag.Diagnostic, bool) {
	if strings.HasPrefix(c.Message, "invalid recursive type") {
		if name, at := d.component(c.Name); at > 0 {
			return d.At(at, nameRule, name, "put an object with a property in between", "the schema contains itself with no object in between, which no type of Go can"), true
		}
		return diag.Diagnostic{}, false
	}
	if len(c.Sources) == 2 {
		return d.traceSources(c)
	}
	for _, group := range [][]named{d.operationIDs(), d.schemas()} {
		for i, b := range group {
			for _, a := range group[:i] {
				if fold(a.name) == fold(b.name) && strings.HasPrefix(fold(c.Name), fold(b.name)) {
					return d.At(b.line, nameRule, b.name, "give one of them another name", "%s and %s have the same name in Go", a.name, b.name), true
				}
			}
		}
	}
	return d.traceName(c)
}

// traceName finds the one name that is in the way of what oapi-codegen needs.
func (d *Document) traceName(c gosrc.Conflict) (diag.Diagnostic, bool) {
	taken := func(what, name string, line int) (diag.Diagnostic, bool) {
		return d.At(line, nameRule, name, "give the "+what+" another name", "oapi-codegen's Go has something else called %s already, and would not compile", c.Name), true
	}
	if name, line := d.component(c.Name); line > 0 {
		return taken("schema", name, line)
	}
	if line := d.valueLine("name", c.Name); line > 0 {
		return taken("parameter", c.Name, line)
	}
	for _, op := range d.operationIDs() {
		if fold(op.name) == fold(c.Name) {
			return taken("operation", op.name, op.line)
		}
	}
	return diag.Diagnostic{}, false
}

// traceSources finds two properties, two parameters, or two labels of an enum.
func (d *Document) traceSources(c gosrc.Conflict) (diag.Diagnostic, bool) {
	a, b := c.Sources[0], c.Sources[1]
	if a == "-" || b == "-" {
		property := strings.Trim(a+b, "-")
		if a == "-" {
			property = b
		}
		return d.At(d.keyLine("properties", property), nameRule, c.In+"."+property, "give the property another name in Go: `x-go-name: OtherName`",
			"the property is called %s in Go, as is the map of additional properties", c.Name), true
	}
	pair := func(line int, what, mend string) (diag.Diagnostic, bool) {
		return d.At(line, nameRule, c.In, mend, "the %s %s and %s are both called %s in Go", what, a, b, c.Name), true
	}
	const mend = "give one of them another name in Go: `x-go-name: OtherName`"
	if at := d.keyLine("properties", b, a); at > 0 {
		return pair(at, "properties", mend)
	}
	if at := d.valueLine("name", b); at > 0 && d.valueLine("name", a) > 0 {
		return pair(at, "parameters", mend)
	}
	if at := d.enumLine(a, b); at > 0 {
		return pair(at, "values", "name them by `x-enum-varnames`")
	}
	return d.traceName(c)
}

type named struct {
	name string
	line int
}

func (d *Document) operationIDs() []named {
	var all []named
	each(&d.root, func(n *yaml.Node) {
		if at := value(n, "operationId"); at != nil {
			all = append(all, named{at.Value, at.Line})
		}
	})
	return all
}

func (d *Document) schemas() []named {
	var all []named
	each(&d.root, func(n *yaml.Node) {
		components := value(n, "components")
		if components == nil {
			return
		}
		if schemas := value(components, "schemas"); schemas != nil {
			for i := 0; i+1 < len(schemas.Content); i += 2 {
				all = append(all, named{schemas.Content[i].Value, schemas.Content[i].Line})
			}
		}
	})
	return all
}

func (d *Document) component(goName string) (string, int) {
	for _, s := range d.schemas() {
		if fold(s.name) == fold(goName) {
			return s.name, s.line
		}
	}
	return "", 0
}

// keyLine finds a key of a mapping under parent that has the other keys as well.
func (d *Document) keyLine(parent, key string, others ...string) int {
	found := 0
	each(&d.root, func(n *yaml.Node) {
		m := value(n, parent)
		if m == nil || found > 0 || slices.ContainsFunc(others, func(o string) bool { return value(m, o) == nil }) {
			return
		}
		for i := 0; i+1 < len(m.Content); i += 2 {
			if m.Content[i].Value == key {
				found = m.Content[i].Line
			}
		}
	})
	return found
}

// valueLine finds a key that has this text as its value.
func (d *Document) valueLine(key, text string) int {
	found := 0
	each(&d.root, func(n *yaml.Node) {
		if v := value(n, key); v != nil && v.Value == text && found == 0 {
			found = v.Line
		}
	})
	return found
}

func (d *Document) enumLine(a, b string) int {
	found := 0
	each(&d.root, func(n *yaml.Node) {
		v := value(n, "enum")
		has := func(text string) bool {
			return slices.ContainsFunc(v.Content, func(c *yaml.Node) bool { return c.Value == text })
		}
		if v != nil && found == 0 && has(a) && has(b) {
			found = v.Line
		}
	})
	return found
}

// each calls fn for every mapping below a node.
func each(n *yaml.Node, fn func(n *yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		fn(n)
	}
	for _, child := range n.Content {
		each(child, fn)
	}
}

// value gives a mapping's value of a key.
func value(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// SameGoName tells whether oapi-codegen makes one name of two, however the
// project has it write them.
func SameGoName(a, b string) bool { return fold(a) == fold(b) }

// fold reduces a name to what oapi-codegen makes of it, case aside.
func fold(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune("-#@!$&=.+:;_~ (){}[]|<>?/\\", r) {
			return -1
		}
		return r
	}, name))
}
