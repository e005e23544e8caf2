package fingerprint

import (
	"strings"
)

// Statements tells whether the definitions of a kind are statements of SQL; those
// of other kinds are lines of the form "key: value", or a text.
func (k Kind) Statements() bool {
	switch k {
	case "view", "materialized view", "index", "constraint", "function", "procedure", "trigger", "policy", "rule", "statistics":
		return true
	}
	return false
}

// text tells whether the definitions of a kind are one value.
func (k Kind) text() bool { return k == "comment" || k == "owner" || k == "security label" }

// Inherited tells of an object of a partition or of an inheriting table that it
// came with its parent's, and is made and dropped with that.
func (o Object) Inherited() bool {
	return strings.HasPrefix(o.Definition, "-- inherited\n")
}

// Explain says in a line or a few what is different, for people. The first
// schema is taken as what is there, the second as what should be:
//
//	column users.email: type text -> character varying(200)
//	view members is missing
func (d Difference) Explain() string {
	what := strings.TrimSpace(string(d.Kind) + " " + d.Name)
	switch {
	case d.From == "":
		return what + " is missing"
	case d.To == "":
		return what + " is extra"
	case d.Kind.Statements():
		return what + ":\n" + lines(d.From, d.To)
	case d.Kind.text():
		return what + ": " + short(d.From) + " -> " + short(d.To)
	}
	return what + ": " + strings.Join(values(attributes(d.From), attributes(d.To)), "; ")
}

// none stands for a value that is not there.
const none = "none"

// values says which attributes are not equal.
func values(from, to []attribute) []string {
	after := make(map[string]string, len(to))
	for _, a := range to {
		after[a.key] = a.value
	}
	var all []string
	seen := make(map[string]bool, len(from))
	for _, a := range from {
		seen[a.key] = true
		switch value, ok := after[a.key]; {
		case !ok:
			all = append(all, a.key+" "+short(a.value)+" -> "+none)
		case value != a.value:
			all = append(all, a.key+" "+short(a.value)+" -> "+short(value))
		}
	}
	for _, a := range to {
		if !seen[a.key] {
			all = append(all, a.key+" "+none+" -> "+short(a.value))
		}
	}
	return all
}

// maxLines and maxLine bound what is said of a text.
const (
	maxLines = 6
	maxLine  = 160
)

// lines says which lines of two texts are not equal, without those that the texts
// begin and end with alike.
func lines(from, to string) string {
	a, b := strings.Split(from, "\n"), strings.Split(to, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return strings.Join(append(marked("  - ", a), marked("  + ", b)...), "\n")
}

func marked(mark string, text []string) []string {
	var all []string
	for i, line := range text {
		if i == maxLines {
			return append(all, mark+"...")
		}
		all = append(all, mark+short(line))
	}
	return all
}

// short is a text in one line of bounded length.
func short(s string) string {
	s = strings.ReplaceAll(s, "\n", `\n`)
	if r := []rune(s); len(r) > maxLine {
		return string(r[:maxLine]) + "..."
	}
	return s
}
