package docs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
)

// fakes are commands that this test's own program is under another name.
var fakes = map[string]func(args []string) error{
	"gcloud":  fakeGcloud,
	"dev-url": devURL,
}

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

// devURL prints the connection string of the development instance that runs for
// the project here: of the owner, or of the superuser or the runtime role. Pages for
// operators know theirs.
func devURL(args []string) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	instance, err := devpg.Attach(context.Background(), devpg.Options{Name: devpg.Dev, Project: here})
	if err != nil {
		return err
	}
	url := instance.OwnerURL(devpg.Database)
	switch {
	case len(args) > 0 && args[0] == "super":
		url = instance.SuperURL(devpg.Database)
	case len(args) > 0 && args[0] == "runtime":
		url = instance.RuntimeURL(devpg.Database)
	}
	fmt.Println(url)
	return instance.Close()
}
