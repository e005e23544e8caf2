// Package project knows where everything of a user's project lives: the
// folders, files and packages named by go.mod, bailiwick.yaml and sqlc.yaml.
// It imports the standard library, a YAML reader, golang.org/x/mod and
// internal/diag; it reads files and never writes one.
package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// Names of the files that a project is described by, relative to its root.
const (
	ConfigFile      = "bailiwick.yaml"
	SQLCFile        = "sqlc.yaml"
	OAPICodegenFile = "oapi-codegen.yaml"
)

// Project is one user's project. All paths but Root are relative to Root and
// use forward slashes.
type Project struct {
	// Root is the absolute path of the folder that holds sqlc.yaml.
	Root string
	// Module is the path of the Go module that Root belongs to.
	Module string
	// ImportPath is the import path of Root itself; it differs from Module
	// when the project is a folder inside a larger module.
	ImportPath string
	// OpenAPI is the API document.
	OpenAPI string
	// Announced is the optional list of breaking changes of the API that are meant.
	Announced string
	// OAPICodegen is the optional oapi-codegen configuration; empty without one.
	OAPICodegen string
	// API and Handlers are output folders of the generator.
	API, Handlers string
	// Client is the output folder of the Go client; empty without one.
	Client string
	// Database lists the folders of packages that may open connections of their
	// own; one that ends in /... means those below it too.
	Database []string
	// Maintenance are the files of the operators' own queries, in the order of
	// their names.
	Maintenance []string
	// Hooks are told of what happens to tenants, in their order.
	Hooks []Hook
	// Tenant describes the schema that every tenant has.
	Tenant *Scope
	// Public describes the shared schema; nil when the project has no such
	// block in sqlc.yaml.
	Public *Scope
}

// Scope is one `sql` block of sqlc.yaml: a schema and the queries that run in it.
type Scope struct {
	// Name is "tenant" or "public".
	Name string
	// Block is the index of the block within sqlc.yaml, Line where it begins.
	Block, Line int
	// OwnSchema is the file that bailiwick.yaml names for this scope.
	OwnSchema string
	// Schema lists all SQL files of the block's schema, in sqlc's order.
	Schema []string
	// Queries lists the query files, in sqlc's order.
	Queries []string
	// Out is the folder of sqlc's Go output and Package its package name.
	Out, Package string
	// Facade is the folder of the generated facade and FacadePackage its name.
	Facade, FacadePackage string
	// Rename is sqlc's map from SQL names to Go names, global and local.
	Rename map[string]string
}

// Scopes returns the project's scopes, the tenant's first.
func (p *Project) Scopes() []*Scope {
	if p.Public == nil {
		return []*Scope{p.Tenant}
	}
	return []*Scope{p.Tenant, p.Public}
}

// Abs turns a path of the project into an absolute one.
func (p *Project) Abs(rel string) string {
	return filepath.Join(p.Root, filepath.FromSlash(rel))
}

// Import gives the import path of one of the project's folders.
func (p *Project) Import(dir string) string {
	return path.Join(p.ImportPath, dir)
}

// Plans is the folder of the plan files: plans beside the tenant's schema file.
func (p *Project) Plans() string {
	return path.Join(path.Dir(p.Tenant.OwnSchema), "plans")
}

// Outputs lists the folders that generation replaces as a whole.
func (p *Project) Outputs() []string {
	out := []string{p.API}
	for _, s := range p.Scopes() {
		out = append(out, s.Facade)
	}
	out = append(out, p.Handlers)
	if p.Client != "" {
		out = append(out, p.Client)
	}
	return out
}

// Load reads the project in dir. Whatever is wrong with the project's files
// comes back as a diag.List with all findings; any other error is the machine's.
func Load(dir string) (*Project, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the project's folder: %w", err)
	}
	p := &Project{Root: root}
	l := &loader{project: p}
	l.loadModule()
	config := l.loadConfig()
	l.loadSQLC(config)
	if l.exists(OAPICodegenFile) {
		p.OAPICodegen = OAPICodegenFile
	}
	l.checkOutputs()
	if l.err != nil {
		return nil, l.err
	}
	l.found.Sort()
	if err := l.found.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// loader gathers findings while it fills a project.
type loader struct {
	project *Project
	config  yaml.Node // of bailiwick.yaml, for its lines
	found   diag.List
	err     error // of the machine, not of the user
}

func (l *loader) reportf(file string, line int, rule, subject, mend, format string, args ...any) {
	l.found = append(l.found, diag.Diagnostic{
		File: file, Line: line, Rule: rule, Subject: subject, Mend: mend,
		Message: fmt.Sprintf(format, args...),
	})
}

// read returns nil, after reporting it when required, if there is no such file.
func (l *loader) read(file, mend string) []byte {
	data, err := os.ReadFile(l.project.Abs(file))
	if errors.Is(err, fs.ErrNotExist) {
		if mend != "" {
			l.reportf(file, 0, "missing-file", "", mend, "there is no such file")
		}
		return nil
	}
	if err != nil {
		l.err = errors.Join(l.err, fmt.Errorf("read the project: %w", err))
	}
	return data
}

func (l *loader) exists(file string) bool {
	_, err := os.Stat(l.project.Abs(file))
	return err == nil
}

// loadModule finds the nearest go.mod at or above the root.
func (l *loader) loadModule() {
	for dir, rel := l.project.Root, "."; ; {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			l.project.Module = modfile.ModulePath(data)
			l.project.ImportPath = path.Join(l.project.Module, rel)
			if l.project.Module == "" {
				l.reportf("go.mod", 1, "module", "", "give it a module line, as `go mod init` does", "the file names no module")
			}
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			l.err = errors.Join(l.err, fmt.Errorf("read the project: %w", err))
			return
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			l.reportf("go.mod", 0, "missing-file", "", "run `go mod init` in the project's folder", "no go.mod in %s or above it", l.project.Root)
			return
		}
		rel = path.Join(filepath.Base(dir), rel)
		dir = parent
	}
}
