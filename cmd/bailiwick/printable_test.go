//go:build cgo

package main

import (
	"strings"
	"testing"
)

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
}

// TestScreen: all that the tool writes goes by a screen, but for JSON, which stays
// what it is.
func TestScreen(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	text := "what\n\tmend: that\x1b[2J\n"
	if n, err := (screen{&out}).Write([]byte(text)); err != nil || n != len(text) || out.String() != "what\n\tmend: that\\x1b[2J\n" {
		t.Errorf("%d, %v: %q", n, err, &out)
	}
	out.Reset()
	if err := writeJSON(screen{&out}, "\x1b\u007f\u202e"); err != nil || out.String() != "\"\\u001b\u007f\u202e\"\n" {
		t.Errorf("%v: %q", err, &out)
	}
}
