//go:build cgo

package main

import (
	"strings"
	"testing"
	"time"
)

// TestAskForName: only the word itself goes on.
func TestAskForName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer string
		want   bool
	}{{"acme\n", true}, {" acme \n", true}, {"acme", true}, {"y\n", false}, {"yes\n", false}, {"Acme\n", false}, {"\n", false}, {"", false}} {
		var out strings.Builder
		err := askForName(strings.NewReader(c.answer), &out, "acme goes for good.", "acme")
		if (err == nil) != c.want || out.String() != "acme goes for good. Type acme to go on: " {
			t.Errorf("%q: %v, asked %q", c.answer, err, out.String())
		}
	}
}

func TestParseDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "90m": 90 * time.Minute, "0d": 0,
	} {
		if got, err := parseDays(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "30", "-1d", "1d-2h", "-5m", "month", "1.5d", "99999999999999d"} {
		if got, err := parseDays(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestParseSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"7d": "2026-05-03T12:00:00Z", "12h": "2026-05-10T00:00:00Z", "2026-05-01": "2026-05-01T00:00:00Z", "2026-05-01T10:00:00+02:00": "2026-05-01T08:00:00Z",
	} {
		if got, err := parseSince(text, now); err != nil || momentText(got) != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	if got, err := parseSince("", now); err != nil || !got.IsZero() {
		t.Error(got, err)
	}
}
