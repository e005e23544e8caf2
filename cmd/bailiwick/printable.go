//go:build cgo

package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable is a text as it can be shown to people, on one line: names, reasons and
// the like are whatever somebody has written, and a terminal would obey what they
// hold, such as ESC. What does not print is shown as Go writes it.
func printable(text string) string { return printableBut(text, "") }

// printableLines is a text of several lines, such as an error with its mend, as it
// can be shown to people.
func printableLines(text string) string { return printableBut(text, "\n\t") }

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
