package attack_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

func TestTableFitsATerminal(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789 ", 20)
	report := &attack.Report{Results: []attack.Result{
		{Attack: 1, Case: "begins " + long + "ends", Sent: "GET /" + long, Got: "403\x1b[2J", Outcome: attack.Safe},
		{Attack: 1, Case: "begins " + long + "ends", Sent: "GET /" + long, Got: "403\x1b[2J", Outcome: attack.Safe},
		{Attack: 2, Case: "short", Sent: "GET /é", Got: "200 " + long, Want: "another one: " + long, Outcome: attack.Unsafe},
		{Attack: 3, Case: "untried", Reason: "needs " + long + "--flag", Outcome: attack.NotTried},
	}}
	var out bytes.Buffer
	if err := report.Write(&out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for row := range strings.Lines(text) {
		if width := utf8.RuneCountInString(row); width > 152 {
			t.Errorf("%d characters: %s", width, row)
		}
	}
	for _, want := range []string{
		"1   safe       begins 0123456789 0123456789 0...0123456789 ends  GET /0123456789 01...23456789 and 1 more  403?[2J\n",
		"2   UNSAFE     short                                             GET /é                                    200 0123456789",
		" came back: 200 0123456789 ", " safe is: another one: 0123456789 ",
		"3   not tried  untried                                           needs 0123456789 ", " --flag\n",
		"\n3 attempts at 2 attacks: 2 safe, 1 UNSAFE; 1 attack not tried\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}
