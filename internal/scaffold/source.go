package scaffold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

const (
	bailiwick = "github.com/bailiwick-dev/bailiwick"
	tool      = bailiwick + "/cmd/bailiwick"
	// goVersion is that of this module's go.mod, and of the image in Dockerfile.
	goVersion = "1.26.0"
	// noVersion stands in go.mod beside a replace directive.
	noVersion = "v0.0.0"
	fileGoMod = "go.mod"
)

// source is where a project gets Bailiwick from: a release, or a checkout.
type source struct {
	version string
	// checkout is absolute; replace is how go.mod names it.
	checkout, replace string
}

func (s source) String() string {
	if s.checkout != "" {
		return s.checkout
	}
	return s.version
}

// findSource looks, in this order, at what was asked for, at where this program
// was built, at its version, and around the working directory.
func findSource(asked, dir string) (source, error) {
	if asked != "" {
		return askedSource(asked, dir)
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		root := filepath.Dir(filepath.Dir(filepath.Dir(file)))
		// In the module cache it is a release, whose folder is named with its version.
		if isCheckout(root) && !strings.Contains(filepath.Base(root), "@") {
			return source{checkout: root, replace: root}, nil
		}
	}
	if version := released(); version != "" {
		return source{version: version}, nil
	}
	if root := enclosing(); root != "" {
		return source{checkout: root, replace: root}, nil
	}
	return source{}, errors.New("this program does not know its version\n\tmend: name a checkout of Bailiwick with --bailiwick")
}

// askedSource is a checkout. A relative path stays one, as seen from the project.
func askedSource(asked, dir string) (source, error) {
	root, err := filepath.Abs(asked)
	if err != nil {
		return source{}, fmt.Errorf("find --bailiwick: %w", err)
	}
	if !isCheckout(root) {
		return source{}, fmt.Errorf("--bailiwick %s: there is no go.mod of %s\n\tmend: name the folder of a checkout", asked, bailiwick)
	}
	s := source{checkout: root, replace: root}
	if filepath.IsAbs(asked) {
		return s, nil
	}
	rel, err := filepath.Rel(dir, root)
	if err != nil {
		return source{}, fmt.Errorf("find --bailiwick: %w", err)
	}
	s.replace = filepath.ToSlash(rel)
	if !modfile.IsDirectoryPath(s.replace) {
		s.replace = "./" + s.replace
	}
	return s, nil
}

func isCheckout(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, fileGoMod))
	return err == nil && modfile.ModulePath(data) == bailiwick
}

// enclosing is the checkout around the working directory.
func enclosing() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for !isCheckout(dir) {
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
	return dir
}

// released is the version that this program was installed as.
func released() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == bailiwick && m.Replace == nil && semver.IsValid(m.Version) && semver.Build(m.Version) == "" {
			return m.Version
		}
	}
	return ""
}

// require writes go.mod. The checkout's go.sum comes along, so that nothing has
// to be looked up that is in the module cache.
func (s source) require(dir, path string) error {
	version := s.version
	if s.checkout != "" {
		version = noVersion
	}
	text := fmt.Sprintf("module %s\n\ngo %s\n\nrequire %s %s\n\ntool %s\n", path, goVersion, bailiwick, version, tool)
	if s.checkout == "" {
		return writeFile(dir, fileGoMod, []byte(text))
	}
	text += fmt.Sprintf("\nreplace %s => %s\n", bailiwick, modfile.AutoQuote(s.checkout))
	if err := writeFile(dir, fileGoMod, []byte(text)); err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(s.checkout, "go.sum"))
	if err != nil {
		return fmt.Errorf("read the checkout: %w", err)
	}
	return writeFile(dir, "go.sum", sums)
}

// resolve lets the go command complete go.mod and go.sum.
func (s source) resolve(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("resolve the dependencies by go mod tidy: %w\n%s\tmend: see to the go command, the network or the checkout, and try again", err, out)
	}
	if s.replace == s.checkout {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, fileGoMod))
	if err != nil {
		return fmt.Errorf("read go.mod: %w", err)
	}
	file, err := modfile.Parse(fileGoMod, text, nil)
	if err == nil {
		err = file.AddReplace(bailiwick, "", s.replace, "")
	}
	if err == nil {
		text, err = file.Format()
	}
	if err != nil {
		return fmt.Errorf("change go.mod: %w", err)
	}
	return writeFile(dir, fileGoMod, text)
}

func writeFile(dir, name string, data []byte) error {
	if err := os.WriteFile(filepath.Join(dir, name), data, fileMode); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
