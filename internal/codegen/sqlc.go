package codegen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/outputs"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// jsonDir is where sqlc's JSON goes within the staged copy.
const jsonDir = ".sqlc-json"

// stage copies the inputs to where the new outputs are built, so that sqlc
// writes there, and remembers their content.
func (r *run) stage() error {
	var unreadable diag.List
	for _, file := range r.project.Inputs() {
		data, err := os.ReadFile(r.project.Abs(file))
		if err != nil {
			unreadable = append(unreadable, diag.Diagnostic{
				File: file, Rule: "unreadable", Message: "the file cannot be read: " + reason(err), Mend: "mend or remove it",
			})
			continue
		}
		r.inputs[file] = data
		if file == project.SQLCFile {
			if data, err = r.stagedConfig(data); err != nil {
				return err
			}
		}
		target := filepath.Join(r.work.New(), filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(target), outputs.FolderMode); err != nil {
			return fmt.Errorf("stage the inputs: %w", err)
		}
		if err := os.WriteFile(target, data, outputs.FileMode); err != nil {
			return fmt.Errorf("stage the inputs: %w", err)
		}
	}
	return unreadable.Err()
}

// reason is what the system says of a file, without the file's name.
func reason(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// stagedConfig is sqlc.yaml with sqlc's JSON generator added to each block.
func (r *run) stagedConfig(data []byte) ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read sqlc.yaml: %w", err)
	}
	blocks, ok := doc["sql"].([]any)
	if !ok {
		return nil, errors.New("read sqlc.yaml: no sql blocks")
	}
	for _, scope := range r.project.Scopes() {
		block, ok := blocks[scope.Block].(map[string]any)
		if !ok {
			continue
		}
		gen, ok := block["gen"].(map[string]any)
		if !ok {
			continue
		}
		gen["json"] = map[string]any{"out": path.Join(jsonDir, scope.Name), "filename": "request.json"}
		if goGen, ok := gen["go"].(map[string]any); ok {
			addOverrides(goGen)
		}
	}
	staged, err := yaml.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write the staged sqlc.yaml: %w", err)
	}
	return staged, nil
}

// addOverrides tells sqlc of types that it knows by their bare name only. The
// search_path of a tenant has no public schema, so tenants have to qualify
// them. The user's own overrides come first, and win.
func addOverrides(goGen map[string]any) {
	var nullable any = "github.com/jackc/pgx/v5/pgtype.Text"
	if goGen["emit_pointers_for_null_types"] == true {
		nullable = map[string]any{"type": "string", "pointer": true}
	}
	overrides, _ := goGen["overrides"].([]any)
	overrides = append(overrides,
		map[string]any{"db_type": "public.citext", "go_type": "string"},
		map[string]any{"db_type": "public.citext", "nullable": true, "go_type": nullable})
	goGen["overrides"] = overrides
}

// sqlc runs sqlc over the staged copy and reads what it wrote.
func (r *run) sqlc(ctx context.Context) (map[string]*queries.Package, error) {
	if len(r.opts.SQLC) == 0 {
		return nil, errors.New("run sqlc: no command given")
	}
	args := slices.Concat(r.opts.SQLC[1:], []string{"generate"})
	if found := append(r.keywords(), r.labels()...); len(found) > 0 {
		return nil, found
	}
	cmd := exec.CommandContext(ctx, r.opts.SQLC[0], args...)
	cmd.Dir = r.work.New()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := runProcess(cmd); err != nil {
		text := strings.ReplaceAll(output.String(), r.work.New()+string(filepath.Separator), "")
		if found := sqlcFindings(text); len(found) > 0 {
			return nil, found
		}
		return nil, fmt.Errorf("run sqlc: %w: %s", err, strings.TrimSpace(output.String()))
	}
	packages := map[string]*queries.Package{}
	var found diag.List
	for _, scope := range r.project.Scopes() {
		pkg, err := r.readScope(scope)
		if list, ok := errors.AsType[diag.List](err); ok {
			found = append(found, list...)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("scope %s: %w", scope.Name, err)
		}
		packages[scope.Name] = pkg
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	return packages, nil
}

func (r *run) readScope(scope *project.Scope) (*queries.Package, error) {
	stage := os.DirFS(r.work.New())
	request, err := fs.ReadFile(stage, path.Join(jsonDir, scope.Name, "request.json"))
	if err != nil {
		return nil, fmt.Errorf("read sqlc's JSON: %w", err)
	}
	files := map[string][]byte{}
	names, err := fs.Glob(stage, path.Join(scope.Out, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("read sqlc's output: %w", err)
	}
	for _, name := range names {
		if files[path.Base(name)], err = fs.ReadFile(stage, name); err != nil {
			return nil, fmt.Errorf("read sqlc's output: %w", err)
		}
	}
	return queries.Load(scope, request, files, r.sources(scope), r.contents(scope.Schema))
}

func (r *run) sources(scope *project.Scope) map[string][]byte {
	return r.contents(scope.Queries)
}

func (r *run) contents(files []string) map[string][]byte {
	contents := map[string][]byte{}
	for _, name := range files {
		contents[name] = r.inputs[name]
	}
	return contents
}

var sqlcLine = regexp.MustCompile(`^(\S.*?\.(?:sql|yaml|yml|json)):(\d+):(\d+): (.*)$`)

// sqlcFindings reads sqlc's error output. Its paths are those of the staged
// copy, which has the project's own layout.
func sqlcFindings(output string) diag.List {
	var found diag.List
	if _, reason, ok := strings.Cut(output, "error generating code: "); ok {
		output = reason // before it stands the code that sqlc could not format
	}
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "# package") {
			continue
		}
		d := diag.Diagnostic{File: project.SQLCFile, Rule: "sqlc", Message: strings.TrimSpace(line), Mend: "mend the SQL or sqlc.yaml"}
		if m := sqlcLine.FindStringSubmatch(line); m != nil {
			d.File, d.Message = filepath.ToSlash(m[1]), m[4]
			d.Line, _ = strconv.Atoi(m[2])
			d.Column, _ = strconv.Atoi(m[3])
		}
		found = append(found, d)
	}
	return found
}
