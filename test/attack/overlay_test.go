package attack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// edit replaces one text of one file of the repository.
type edit struct {
	file string
	// old has to be in the file, and once: a mutation that no longer says what it
	// says is mended, and never left out in silence.
	old, new string
}

// overlay writes the edited files to a place of their own, and gives the file by
// which go build takes them for the repository's.
func overlay(t *testing.T, edits []edit) string {
	t.Helper()
	dir := t.TempDir()
	edited := map[string]string{}
	for _, e := range edits {
		text, ok := edited[e.file]
		if !ok {
			original, err := os.ReadFile(filepath.Join(repository, e.file))
			if err != nil {
				t.Fatal(err)
			}
			text = string(original)
		}
		if n := strings.Count(text, e.old); n != 1 {
			t.Fatalf("%s has this %d times in place of once; bring the mutation up to date:\n%s", e.file, n, e.old)
		}
		edited[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	replace := map[string]string{}
	for file, text := range edited {
		original, err := filepath.Abs(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		replace[original] = filepath.Join(dir, strconv.Itoa(len(replace))+".go")
		write(t, replace[original], text)
	}
	table, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	write(t, path, string(table))
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
