package fingerprint

import (
	"cmp"
	"slices"
	"strings"
)

// Diff lists what two schemas don't have in common, in the order of kinds and names.
func Diff(from, to []Object) []Difference {
	type key struct {
		kind Kind
		name string
	}
	all := make(map[key]Difference, len(from))
	for _, o := range from {
		all[key{o.Kind, o.Name}] = Difference{Kind: o.Kind, Name: o.Name, From: o.Definition}
	}
	for _, o := range to {
		d := all[key{o.Kind, o.Name}]
		d.Kind, d.Name, d.To = o.Kind, o.Name, o.Definition
		all[key{o.Kind, o.Name}] = d
	}
	var differences []Difference
	for _, d := range all {
		if d.From != d.To {
			differences = append(differences, d)
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return differences
}

// Attr returns a value of a definition that consists of "key: value" lines, and
// whether it is there.
func (o Object) Attr(key string) (value string, ok bool) {
	for _, a := range attributes(o.Definition) {
		if a.key == key {
			return a.value, true
		}
	}
	return "", false
}

type attribute struct{ key, value string }

// attributes takes a definition apart. A line that begins with a tab goes on
// with the value of the line before.
func attributes(definition string) []attribute {
	var all []attribute
	for line := range strings.SplitSeq(definition, "\n") {
		if more, ok := strings.CutPrefix(line, "\t"); ok && len(all) > 0 {
			all[len(all)-1].value += "\n" + more
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		all = append(all, attribute{key, value})
	}
	return all
}
