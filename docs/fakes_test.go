package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// fakes are commands that this test's own program is under another name.
var fakes = map[string]func(args []string) error{"gcloud": fakeGcloud}

// TestMain runs a fake, or the tests.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	fake, ok := fakes[name]
	if !ok {
		os.Exit(m.Run())
	}
	if err := fake(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}
