package resttest

import (
	"fmt"
	"strings"
)

// maxPrinted is how much of a body is printed.
const maxPrinted = 1500

// curl is the request as a line for a shell.
func curl(r *request) string {
	var b strings.Builder
	if len(r.body) > 0 {
		fmt.Fprintf(&b, "printf %%b %s | ", quote(r.body, true))
	}
	b.WriteString("curl -i -g --path-as-is -X " + r.method)
	for _, name := range sortedKeys(r.header) {
		for _, value := range r.header[name] {
			b.WriteString(" -H " + quote([]byte(name+": "+value), false))
		}
	}
	if len(r.body) > 0 {
		b.WriteString(" --data-binary @-")
	}
	b.WriteString(` "$API"` + quote([]byte(r.target()), false))
	return b.String()
}

// quote writes bytes as a word of a shell; escapes are those of printf %b.
func quote(text []byte, escapes bool) string {
	var b strings.Builder
	for i, c := range text {
		if i == maxPrinted {
			fmt.Fprintf(&b, "' # and %d bytes more", len(text)-i)
			return "'" + b.String()
		}
		switch {
		case c == '\'':
			b.WriteString(`'\''`)
		case escapes && c == '\\':
			b.WriteString(`\\`)
		case escapes && (c < ' ' || c > '~'):
			fmt.Fprintf(&b, `\0%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "'" + b.String() + "'"
}
