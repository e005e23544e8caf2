package scaffold

import (
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// names are what the placeholders stand for.
type names struct {
	// module is the path of the Go module.
	module string
	// service is what people and platforms call the service.
	service string
	// pkg is the Go package of the root folder.
	pkg string
}

// maxName leaves room for the suffixes of names made of it, such as those of
// secrets and accounts, which some platforms cut at 30 characters.
const maxName = 30

var (
	nameForm = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
	notName  = regexp.MustCompile(`[^a-z0-9]+`)
)

func (o Options) names(dir string) (names, error) {
	n := names{service: o.Name, module: o.Module}
	if n.service == "" {
		n.service = strings.Trim(notName.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-"), "-")
	}
	if !nameForm.MatchString(n.service) || len(n.service) > maxName {
		if o.Name == "" {
			return n, errors.New("the folder's name makes no name for the service\n\tmend: give one with --name, such as --name notes")
		}
		return n, fmt.Errorf("--name %q is no name for a service\n\tmend: use at most %d lower-case letters, digits and inner hyphens, beginning with a letter", o.Name, maxName)
	}
	if n.module == "" {
		n.module = "example.com/" + n.service
	}
	if err := checkModule(n.module); err != nil {
		return n, err
	}
	n.pkg = strings.ReplaceAll(n.service, "-", "")
	if token.IsKeyword(n.pkg) || types.Universe.Lookup(n.pkg) != nil || n.pkg == "main" || taken[n.pkg] {
		n.pkg += "service"
	}
	return n, nil
}

// taken are names of packages beside which the root package is imported.
var taken = map[string]bool{"catalog": true, "handlers": true, "http": true, "schema": true, "service": true}

func checkModule(path string) error {
	err := module.CheckPath(path)
	switch {
	case err != nil:
	case path == bailiwick:
		err = errors.New("it is taken")
	case slices.Contains(strings.Split(path, "/"), "vendor"): // Module paths may have it, packages may not.
		err = errors.New("the go command imports nothing below a folder called vendor")
	}
	if invalid, ok := errors.AsType[*module.InvalidPathError](err); ok {
		err = invalid.Err
	}
	if err != nil {
		return fmt.Errorf("the module path %q can't be used: %w\n\tmend: give another one with --module, such as --module example.com/notes", path, err)
	}
	return nil
}
