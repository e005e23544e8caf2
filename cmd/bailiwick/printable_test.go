//go:build cgo

package main

import "testing"

// TestPrintable: what somebody has written into a name is shown, and not obeyed.
func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"Müller & Söhne❤":              "Müller & Söhne❤",
		"\x1b[2J\x1b]0;owned\a":        `\x1b[2J\x1b]0;owned\a`,
		"a\nmend: rm -rf /":            `a\nmend: rm -rf /`,
		"a\tb\r":                       `a\tb\r`,
		"\u202egnp.exe":                `\u202egnp.exe`,
		"\u009b31m":                    `\u009b31m`,
		"half a rune \xe2\x82, \ufffd": "half a rune \\xe2\\x82, \ufffd",
		`a "quote" and a \`:            `a "quote" and a \`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := printableLines("what\n\tmend: that\x1b"); got != "what\n\tmend: that\\x1b" {
		t.Errorf("%q", got)
	}
}
