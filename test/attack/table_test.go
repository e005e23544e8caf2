package attack_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)

// TestTable holds the table of docs/attacks.md against what is tried, and wants
// every test that it names to be where it says.
func TestTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "docs/attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	next := 1
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			continue
		}
		number, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil {
			continue
		}
		if number != next {
			t.Fatalf("row %d comes where %d should be", number, next)
		}
		next++
		tried := strings.TrimSpace(cells[3])
		if _, listed := untried[number]; listed != strings.HasPrefix(tried, "no: ") || !listed && !strings.HasPrefix(tried, "yes") {
			t.Errorf("attack %d: the table says %q, and that it is not tried is %t", number, tried, listed)
		}
		for place := range strings.SplitSeq(cells[4], ";") {
			checkTests(t, place)
		}
	}
	if next != attacks+1 {
		t.Errorf("the table ends at %d", next-1)
	}
}

// checkTests wants the tests of one package to be there; the text is `package` Test Test.
func checkTests(t *testing.T, text string) {
	t.Helper()
	parts := strings.Split(text, "`")
	if len(parts) != 3 {
		if strings.TrimSpace(text) != "" {
			t.Errorf("%q names no package", text)
		}
		return
	}
	files, err := filepath.Glob(filepath.Join(repository, parts[1], "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests: %v", parts[1], err)
	}
	var all strings.Builder
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(code)
	}
	names := testName.FindAllString(parts[2], -1)
	for _, name := range names {
		if !strings.Contains(all.String(), "func "+name+"(") {
			t.Errorf("%s has no %s", parts[1], name)
		}
	}
	if len(names) == 0 {
		t.Errorf("%q names no test", text)
	}
}
