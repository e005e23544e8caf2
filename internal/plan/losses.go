package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// irreversible makes one text of why there is no way back.
func irreversible(refused []string) string { return strings.Join(refused, "; ") }

// losses says what a way back costs: what only the new form holds, what the old
// form held and nobody has kept, and where rows can be in the way.
func losses(back way) []string {
	diff := fingerprint.Diff(back.to, back.from) // What From was, comes back.
	whole := map[string]bool{}                   // tables that come or go as a whole, and columns
	for _, d := range diff {
		whole[d.Name] = whole[d.Name] || (d.Kind == kindTable || d.Kind == kindColumn) && (d.From == "" || d.To == "")
	}
	var list []string
	for _, d := range diff {
		if whole[parent(d.Name)] {
			continue
		}
		switch d.Kind {
		case kindTable:
			list = append(list, tableLosses(d)...)
		case kindSequence:
			if !whole[columnOf(d.From+d.To)] {
				list = append(list, positionLosses(back, d)...)
			}
		case kindColumn, kindAttribute:
			list = append(list, columnLosses(d)...)
		case "constraint":
			if d.From != "" {
				list = append(list, "the way back where rows don't keep constraint "+d.Name)
			}
		case "index":
			if strings.Contains(d.From, "UNIQUE") {
				list = append(list, "the way back where rows are twice for unique index "+d.Name)
			}
		}
	}
	for _, o := range back.remade() {
		list = append(list, fmt.Sprintf("what %s %s holds: it is dropped and made anew", o.Kind, o.Name))
	}
	return list
}

func tableLosses(d fingerprint.Difference) []string {
	switch {
	case d.From == "":
		return []string{fmt.Sprintf("table %s and its rows", d.Name)}
	case d.To == "":
		return []string{fmt.Sprintf("the rows of table %s, which comes back empty", d.Name)}
	}
	return nil
}

// positionLosses is about a sequence that goes or comes back. Where it stands is
// in no definition.
func positionLosses(back way, d fingerprint.Difference) []string {
	switch placed := back.placed(d.Name); {
	case d.From == "" && back.goes(d.Kind, d.Name) && back.carried(d.Name) == "":
		return []string{fmt.Sprintf("sequence %s and its position", d.Name)}
	case d.To != "" || !back.begins(d.Kind, d.Name) || strings.Contains(placed, carries):
		return nil
	case placed != "":
		return []string{fmt.Sprintf("the position of sequence %s, which goes on behind the values that there are", d.Name)}
	}
	return []string{fmt.Sprintf("the position of sequence %s, which begins anew", d.Name)}
}

// columnOf is the column that a sequence belongs to.
func columnOf(sequence string) string {
	o := fingerprint.Object{Definition: sequence}
	column, ok := o.Attr("owned by")
	if !ok {
		column, _ = o.Attr("identity of")
	}
	return column
}

func columnLosses(d fingerprint.Difference) []string {
	from, to := d.From, d.To
	before, after := typeOf(from), typeOf(to)
	computed := has(from, "generated") || has(from, "identity")
	var list []string
	switch {
	case d.From == "":
		if !has(to, "generated") {
			list = append(list, fmt.Sprintf("%s %s and its values", d.Kind, d.Name))
		}
		return list
	case d.To == "" && has(from, "not null") && !has(from, "default") && !computed:
		return append(list, fmt.Sprintf("the values of column %s, and the way back where its table has rows: it comes back NOT NULL", d.Name))
	case d.To == "" && !has(from, "generated"):
		return append(list, fmt.Sprintf("the values of %s %s, which comes back empty", d.Kind, d.Name))
	case d.To == "":
		return nil
	}
	if before != after && !holds(before, after) {
		list = append(list, fmt.Sprintf("values of %s %s that don't fit when it goes from %s to %s, or the way back where those make it fail", d.Kind, d.Name, after, before))
	}
	if has(from, "not null") && !has(to, "not null") {
		list = append(list, fmt.Sprintf("the way back where column %s is null: it becomes NOT NULL again", d.Name))
	}
	return list
}

// holds tells whether every value of a type has its place in another.
func holds(wide, narrow string) bool {
	if wide == "text" || wide == narrow {
		return true
	}
	order := []string{"smallint", "integer", "bigint", numeric}
	w, n := slices.Index(order, wide), slices.Index(order, narrow)
	if n >= 0 && w > n {
		return true
	}
	const varying = "character varying"
	if wide == varying {
		return narrow == "text" || strings.HasPrefix(narrow, varying)
	}
	return wider(wide, narrow)
}

const numeric = "numeric"

var sized = regexp.MustCompile(`^([a-z ]+)\((\d+)(?:,(\d+))?\)$`)

// wider tells whether a type is another one with more room: before the point, and
// after it. Bits are padded.
func wider(wide, narrow string) bool {
	w, n := sized.FindStringSubmatch(wide), sized.FindStringSubmatch(narrow)
	if n == nil {
		return false
	}
	if w == nil {
		return n[1] == numeric && wide == numeric
	}
	number := func(digits string) int {
		i, err := strconv.Atoi(digits)
		if err != nil {
			return 0
		}
		return i
	}
	return w[1] == n[1] && w[1] != "bit" && number(w[3]) >= number(n[3]) && number(w[2])-number(w[3]) >= number(n[2])-number(n[3])
}
