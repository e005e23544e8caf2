package attack_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMutationTable wants docs/attacks.md to say all that is broken, and no more,
// and every mutation to have its texts where it says, also those that -short leaves out.
func TestMutationTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository, "docs/attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| broken | where | unsafe |\n|---|---|---|\n")
	for _, m := range slices.Concat(ofRequests(), ofCredentials(), ofAnswers(), ofUnrest(), ofLibrary(), ofLibraryUnrest(), ofFirstDefences(), ofLibraryFirstDefences()) {
		overlay(t, m.edits)
		fmt.Fprintf(&want, "| %s | `%s` | %s |\n", m.name, m.edits[0].file, listed(m.unsafe))
	}
	for _, b := range brokenDatabases() {
		fmt.Fprintf(&want, "| %s | a database | %s |\n", b.name, listed(b.unsafe))
	}
	if !strings.Contains(string(text), "\n\n"+want.String()+"\n") {
		t.Errorf("docs/attacks.md has another table of what is broken than:\n%s", &want)
	}
}

func listed(numbers []int) string {
	if len(numbers) == 0 {
		return "none"
	}
	var texts []string
	for _, n := range numbers {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ", ")
}
