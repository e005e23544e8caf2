package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// versionLength is in hex digits: 64 bits tell apart all versions of one schema.
const versionLength = 16

// Version names a version of a schema by its SQL text. Texts that differ in
// nothing but comments and white space have the same version.
func Version(sql string) string {
	sum := sha256.Sum256([]byte(normalise(sql)))
	return hex.EncodeToString(sum[:])[:versionLength]
}

// normalise drops comments and folds white space, but not inside of quotes.
func normalise(sql string) string {
	var b strings.Builder
	space := false
	for len(sql) > 0 {
		n, blank := token(sql)
		if !blank {
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(sql[:n])
		}
		space = blank
		sql = sql[n:]
	}
	return b.String()
}

// token is the length of the next piece of an SQL text, and whether the piece
// separates only. A run of white space and comments is one piece.
func token(sql string) (n int, blank bool) {
	for n < len(sql) {
		m := blankLen(sql[n:])
		if m == 0 {
			break
		}
		n += m
	}
	if n > 0 {
		return n, true
	}
	switch c := sql[0]; {
	case c == '\'' || c == '"':
		return quoted(sql, c, false), false
	case (c == 'e' || c == 'E') && strings.HasPrefix(sql[1:], "'"):
		return 1 + quoted(sql[1:], '\'', true), false
	case c == '$':
		return dollarQuoted(sql), false
	case isWord(c):
		return wordLen(sql), false
	}
	return 1, false
}

func blankLen(sql string) int {
	switch {
	case strings.HasPrefix(sql, "--"):
		if end := strings.IndexByte(sql, '\n'); end >= 0 {
			return end
		}
		return len(sql)
	case strings.HasPrefix(sql, "/*"):
		return blockComment(sql)
	case strings.IndexByte(" \t\r\n\f\v", sql[0]) >= 0:
		return 1
	}
	return 0
}

// blockComment is the length of a comment, which may hold others.
func blockComment(sql string) int {
	depth := 0
	for i := 0; i < len(sql); i++ {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(sql[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(sql)
}

// quoted is the length of a string or quoted name. A doubled quote reads as the
// end of one and the start of another, which comes to the same here.
func quoted(sql string, quote byte, backslash bool) int {
	for i := 1; i < len(sql); i++ {
		switch {
		case backslash && sql[i] == '\\':
			i++
		case sql[i] == quote:
			return i + 1
		}
	}
	return len(sql)
}

var dollarTag = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`)

func dollarQuoted(sql string) int {
	tag := dollarTag.FindString(sql)
	if tag == "" {
		return 1
	}
	if end := strings.Index(sql[len(tag):], tag); end >= 0 {
		return len(tag) + end + len(tag)
	}
	return len(sql)
}

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// wordLen includes dollar signs, which don't open a quote within a word.
func wordLen(sql string) int {
	n := 1
	for n < len(sql) && (isWord(sql[n]) || sql[n] == '$') {
		n++
	}
	return n
}
