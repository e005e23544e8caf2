package vet_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/internal/vet"
)

// unpack makes a GOPATH of the stubs and the fixtures.
func unpack(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		archive, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			path := filepath.Join(dir, "src", filepath.FromSlash(file.Name))
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestAnalyzers(t *testing.T) {
	t.Parallel()
	for n, fixture := range []string{"files", "database", "kept", "goroutine"} {
		t.Run(fixture, func(t *testing.T) {
			t.Parallel()
			a := vet.Analyzers()[min(n, len(vet.Analyzers())-1)]
			analysistest.Run(t, unpack(t, "project", fixture), a, "example.com/...")
		})
	}
}
