package tenant

import (
	"slices"
	"strconv"
	"strings"
)

// SQL is text of a statement. Constants are SQL by themselves, and so is what is
// joined of SQL; any other string has to be converted, and that is where to look
// closely: nothing that a client sent may become SQL. Give it to a [Filter].
type SQL string

// Filter gathers conditions of a statement that is put together from what a
// request asks for. Values are arguments, never text. The zero Filter is empty.
type Filter struct {
	conditions []string
	args       []any
}

// And adds a condition, in which each $? stands for the next of the values. It
// does not count them: PostgreSQL refuses a statement where they are too many or
// too few.
func (f *Filter) And(condition SQL, values ...any) {
	text := string(condition)
	for _, v := range values {
		text = strings.Replace(text, "$?", string(f.Arg(v)), 1)
	}
	f.conditions = append(f.conditions, "("+text+")")
}

// Arg adds an argument and gives its placeholder, such as $3.
func (f *Filter) Arg(value any) SQL {
	f.args = append(f.args, value)
	return SQL("$" + strconv.Itoa(len(f.args)))
}

// Where is the WHERE clause between two spaces, or one space when there is no
// condition.
func (f *Filter) Where() SQL {
	if len(f.conditions) == 0 {
		return " "
	}
	return SQL(" WHERE " + strings.Join(f.conditions, " AND ") + " ")
}

// Args are the arguments, in the order of their placeholders.
func (f *Filter) Args() []any { return slices.Clone(f.args) }
