//go:build cgo

package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable is a text as it can be shown to people, on one line: names, reasons and
// the like are whatever somebody has written, and a terminal would obey what they
// hold, such as ESC. What does not print is shown as Go writes it.
func printable(text string) string { return printableBut(text, "") }

// screen is the tool's output and its errors: what is written to it is shown, and
// nothing of it obeyed, wherever it comes from, such as the names of tables in a
// plan or what a server says. Lines and tabs are kept.
type screen struct{ io.Writer }

// Write implements io.Writer. Characters must come whole.
func (s screen) Write(text []byte) (int, error) {
	if _, err := io.WriteString(s.Writer, printableBut(string(text), "\n\t")); err != nil {
		return 0, err
	}
	return len(text), nil
}

// behind is what a screen shows its text on: for JSON, which has escapes of its own,
// and for what draws.
func behind(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok {
		return s.Writer
	}
	return w
}

func printableBut(text, kept string) string {
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r) || strings.ContainsRune(kept, r):
			b.WriteRune(r)
		default:
			quoted := fmt.Sprintf("%+q", string(r))
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
