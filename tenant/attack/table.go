package attack

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// The widths of the table's columns, in characters. A row that was not tried has its
// reason in the place of the last two.
const (
	caseWidth, sentWidth, gotWidth = 48, 40, 44
	reasonWidth                    = sentWidth + 2 + gotWidth
	// mostGot is how much is shown of what came back where it is not safe.
	mostGot = 300
)

// Write prints the table, as wide as terminals are; what is too long for its cell
// lacks its middle, and is whole in Results. Attempts of one case that were all safe,
// with the same answer, are one row.
func (r *Report) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, line("#", "result", "attack", fmt.Sprintf("%-*s  %s", sentWidth, "sent", "came back"))) //nolint:errcheck // Flush tells.
	for _, x := range r.rows() {
		rest := x.cells()
		fmt.Fprintln(out, line(strconv.Itoa(x.Attack), string(x.Outcome), x.Case, rest[0])) //nolint:errcheck // Flush tells.
		for _, more := range rest[1:] {
			fmt.Fprintln(out, line("", "", "", more)) //nolint:errcheck // Flush tells.
		}
	}
	fmt.Fprintf(out, "\n%s\n", r.Summary()) //nolint:errcheck // Flush tells.
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// row is an attempt, and how many more there were like it.
type row struct {
	Result

	more int
}

// cells are the lines behind the case: what was sent and came back, and what to know
// of an attempt that is not safe; or why there was none.
func (x row) cells() []string {
	if x.Outcome == NotTried {
		return wrap(x.Reason, reasonWidth)
	}
	more := ""
	if x.more > 0 {
		more = fmt.Sprintf(" and %d more", x.more)
	}
	lines := []string{fmt.Sprintf("%-*s  %s", sentWidth, cell(x.Sent, sentWidth-len(more))+more, cell(x.Got, gotWidth))}
	if x.Outcome == Unsafe {
		if got := oneLine(x.Got); len([]rune(got)) > gotWidth {
			lines = append(lines, wrap("came back: "+cell(got, mostGot), reasonWidth)...)
		}
		lines = append(lines, wrap("safe is: "+x.Want, reasonWidth)...)
	}
	return lines
}

// line is one of the table's.
func line(number, result, name, rest string) string {
	return strings.TrimRight(fmt.Sprintf("%-2s  %-9s  %-*s  %s", number, result, caseWidth, cell(name, caseWidth), rest), " ")
}

func (r *Report) rows() []row {
	type key struct {
		attack    int
		name, got string
	}
	at := map[key]int{}
	var rows []row
	for _, x := range r.Results {
		k := key{x.Attack, x.Case, x.Got}
		if first, seen := at[k]; seen && x.Outcome == Safe && rows[first].Outcome == Safe {
			rows[first].more++
			continue
		}
		at[k] = len(rows)
		rows = append(rows, row{Result: x})
	}
	return rows
}

// oneLine is a text without what moves a terminal's cursor.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " "))
}

// cell fits a text into a width. Of a long one it keeps the beginning and the end,
// which tell it from those that begin alike.
func cell(s string, width int) string {
	runes := []rune(oneLine(s))
	if len(runes) <= width {
		return string(runes)
	}
	end := (width - 3) / 3
	return string(runes[:width-3-end]) + "..." + string(runes[len(runes)-end:])
}

// wrap breaks a text between its words, into one line at least.
func wrap(s string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(oneLine(s)) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}
