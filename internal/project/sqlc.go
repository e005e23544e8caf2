package project

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// sqlcFile is the part of sqlc.yaml that Bailiwick needs; sqlc itself checks the rest.
type sqlcFile struct {
	Version   string      `yaml:"version"`
	SQL       []yaml.Node `yaml:"sql"`
	Overrides struct {
		Go struct {
			Rename map[string]string `yaml:"rename"`
		} `yaml:"go"`
	} `yaml:"overrides"`
}

type sqlcBlock struct {
	Engine  string   `yaml:"engine"`
	Schema  pathList `yaml:"schema"`
	Queries pathList `yaml:"queries"`
	Gen     sqlcGen  `yaml:"gen"`
	// Database makes sqlc ask a server.
	Database any       `yaml:"database"`
	node     yaml.Node `yaml:"-"`
}

type sqlcGen struct {
	Go *sqlcGo `yaml:"go"`
}

//nolint:tagliatelle // The names are sqlc's.
type sqlcGo struct {
	Package        string            `yaml:"package"`
	Out            string            `yaml:"out"`
	SQLPackage     string            `yaml:"sql_package"`
	Rename         map[string]string `yaml:"rename"`
	Prepared       bool              `yaml:"emit_prepared_queries"`
	WithDBArgument bool              `yaml:"emit_methods_with_db_argument"`
	BuildTags      string            `yaml:"build_tags"`
}

// pathList is a list of paths, or a single one.
type pathList []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *pathList) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*p = pathList{n.Value}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return fmt.Errorf("read a list of paths: %w", err)
	}
	*p = list
	return nil
}

// loadSQLC finds the tenant's and the public block of sqlc.yaml.
func (l *loader) loadSQLC(c config) {
	data := l.read(SQLCFile, "write it; `sqlc.yaml` of the reference service is an example")
	if data == nil {
		return
	}
	var file sqlcFile
	if err := yaml.Unmarshal(data, &file); err != nil {
		l.reportYAML(SQLCFile, err)
		return
	}
	if file.Version != "2" {
		l.reportf(SQLCFile, 1, "sqlc-version", "version", "write `version: \"2\"`", "version %q is not supported", file.Version)
	}
	tenantSchema := l.inside(ConfigFile, lineOf(&l.config, "tenant", 0), "tenant.schema", c.Tenant.Schema)
	publicSchema := l.inside(ConfigFile, lineOf(&l.config, "public", 0), "public.schema", c.Public.Schema)
	for i := range file.SQL {
		node := file.SQL[i]
		block := sqlcBlock{node: node}
		if err := node.Decode(&block); err != nil {
			l.reportYAML(SQLCFile, err)
			continue
		}
		scope := &Scope{Block: i, Line: node.Line, Rename: merge(file.Overrides.Go.Rename, block.Gen.Go)}
		scope.Schema = l.glob(node.Line, "schema", block.Schema)
		switch {
		case slices.Contains(scope.Schema, tenantSchema):
			scope.Name, scope.OwnSchema = "tenant", tenantSchema
			l.assign(&l.project.Tenant, scope, block)
		case slices.Contains(scope.Schema, publicSchema):
			scope.Name, scope.OwnSchema = "public", publicSchema
			l.assign(&l.project.Public, scope, block)
		default:
			l.reportf(SQLCFile, node.Line, "sqlc-block", "schema",
				"list one of them under `schema`, or name other files in "+ConfigFile,
				"this block belongs to no scope: its schema has neither %s nor %s", tenantSchema, publicSchema)
		}
	}
	if l.project.Tenant == nil {
		l.reportf(SQLCFile, 1, "sqlc-block", "sql", "add a block whose `schema` lists "+tenantSchema,
			"no block holds the tenant's schema %s", tenantSchema)
	}
}

// assign checks a block and makes it the project's only one of its scope.
func (l *loader) assign(to **Scope, scope *Scope, block sqlcBlock) {
	line := scope.Line
	if *to != nil {
		l.reportf(SQLCFile, line, "sqlc-block", scope.Name, "merge the two blocks",
			"a second block of scope %s; the first is at line %d", scope.Name, (*to).Line)
		return
	}
	*to = scope
	if block.Engine != "postgresql" {
		l.reportf(SQLCFile, line, "sqlc-engine", scope.Name, "write `engine: postgresql`", "engine %q is not supported", block.Engine)
	}
	if block.Database != nil {
		l.reportf(SQLCFile, lineOf(&block.node, "database", line), "sqlc-database", scope.Name,
			"remove `database`; `bailiwick check` asks a real PostgreSQL, which it starts itself",
			"generation takes nothing but the project's files, so that it gives the same everywhere; `database` would make it ask a server")
	}
	scope.Queries = l.glob(line, "queries", block.Queries)
	if len(scope.Queries) == 0 {
		l.reportf(SQLCFile, lineOf(&block.node, "queries", line), "no-queries", scope.Name,
			"write a query file there, or remove the block", "no query file in %s", strings.Join(block.Queries, ", "))
	}
	gen := block.Gen.Go
	if gen == nil {
		l.reportf(SQLCFile, line, "sqlc-gen", scope.Name, "add `gen: {go: {...}}` with out and sql_package", "the block generates no Go")
		return
	}
	if gen.SQLPackage != "pgx/v5" {
		l.reportf(SQLCFile, lineOf(&block.node, "sql_package", line), "sqlc-package", scope.Name,
			"write `sql_package: pgx/v5` under gen.go", "sql_package %q cannot be bound to a tenant", gen.SQLPackage)
	}
	for _, option := range []struct {
		name, reason string
		set          bool
	}{
		{"emit_prepared_queries", "gives methods that a bound querier cannot serve", gen.Prepared},
		{"emit_methods_with_db_argument", "gives methods that a bound querier cannot serve", gen.WithDBArgument},
		{"build_tags", "leaves sqlc's files out of a build that the facade, which needs them, is part of", gen.BuildTags != ""},
	} {
		if option.set {
			l.reportf(SQLCFile, lineOf(&block.node, option.name, line), "sqlc-option", scope.Name,
				"remove the option", "%s %s", option.name, option.reason)
		}
	}
	l.placeOutput(scope, gen, lineOf(&block.node, "out", line), lineOf(&block.node, "package", line))
}

// placeOutput derives the facade's folder from sqlc's: the parent of `internal`.
func (l *loader) placeOutput(scope *Scope, gen *sqlcGo, line, packageLine int) {
	scope.Out = l.inside(SQLCFile, line, "out", gen.Out)
	scope.Package = gen.Package
	if scope.Package == "" {
		scope.Package = path.Base(scope.Out)
	}
	l.packageName(SQLCFile, packageLine, "package", scope.Package)
	parent := path.Dir(scope.Out)
	if path.Base(parent) != "internal" || path.Dir(parent) == "." {
		l.reportf(SQLCFile, line, "sqlc-out", scope.Name,
			"write `out: gen/"+scope.Name+"db/internal/sqlcgen`",
			"%s is not of the form <facade>/internal/<package>, so other packages could import sqlc's own constructor", scope.Out)
		return
	}
	scope.Facade = path.Dir(parent)
	scope.FacadePackage = strings.ReplaceAll(path.Base(scope.Facade), "-", "")
	l.importable(SQLCFile, line, "out", scope.Facade)
}

// glob lists the SQL files of paths as sqlc does: patterns are expanded,
// folders read without their subfolders, hidden files and down migrations left out.
func (l *loader) glob(line int, field string, patterns []string) []string {
	var files []string
	for _, pattern := range patterns {
		names := []string{l.project.Abs(pattern)}
		if strings.ContainsAny(pattern, "*?[]") {
			matches, err := filepath.Glob(names[0])
			if err != nil {
				l.reportf(SQLCFile, line, "path", field, "mend the pattern", "%q: %v", pattern, err)
			}
			names = matches
		}
		for _, name := range names {
			found, err := sqlFiles(name)
			if err != nil {
				l.reportf(SQLCFile, line, "path", field, "create it, or mend the path", "cannot read %s", pattern)
			}
			for _, f := range found {
				rel, err := filepath.Rel(l.project.Root, f)
				if err != nil || strings.HasPrefix(rel, "..") {
					l.reportf(SQLCFile, line, "path", field, "keep SQL files below the project's folder", "%s lies outside of the project", pattern)
					continue
				}
				files = append(files, filepath.ToSlash(rel))
			}
		}
	}
	return files
}

func sqlFiles(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("find SQL files: %w", err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("find SQL files: %w", err)
	}
	var files []string
	for _, e := range entries {
		base := e.Name()
		if !e.IsDir() && strings.HasSuffix(base, ".sql") && !strings.HasPrefix(base, ".") && !strings.HasSuffix(base, ".down.sql") {
			files = append(files, filepath.Join(name, base))
		}
	}
	return files, nil
}

func merge(global map[string]string, local *sqlcGo) map[string]string {
	all := map[string]string{}
	if local != nil {
		maps.Copy(all, local.Rename)
	}
	maps.Copy(all, global) // sqlc lets the global name win
	return all
}

// lineOf finds the line of a key below node, or gives the fallback.
func lineOf(node *yaml.Node, key string, fallback int) int {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				return node.Content[i].Line
			}
		}
	}
	for _, child := range node.Content {
		if line := lineOf(child, key, 0); line > 0 {
			return line
		}
	}
	return fallback
}
