// Package codegen is `bailiwick generate`: from a project's SQL and API
// document to its Go. It stages a copy of the inputs, lets sqlc and
// oapi-codegen write theirs, adds the facades and the handlers, and swaps the
// outputs in only when every step succeeded.
//
// It imports internal/project, internal/diag and its own sub-packages; sqlc
// runs as a process of its own, so that its errors can be read.
package codegen

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/client"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/facade"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/handlers"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/outputs"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Options says what to generate and how.
type Options struct {
	// Dir is the project's folder.
	Dir string
	// SQLC is the command that behaves as sqlc's own, such as the path of this
	// program and its hidden subcommand.
	SQLC []string
	// Lint checks the project's SQL; nil leaves it out.
	Lint func(*project.Project) (diag.List, error)
	// Check leaves the outputs as they are and only tells what would change.
	Check bool
}

// Result is what one run did, or with Check would do.
type Result struct {
	// Outputs are the generated folders.
	Outputs []Output `json:"outputs"`
	// Allowed are findings that a written reason permits.
	Allowed diag.List `json:"allowed"`
}

// Output is one generated folder.
type Output struct {
	Dir string `json:"dir"`
	// Changed lists the files that are new, different or gone.
	Changed []string `json:"changed"`
}

// Changed is true when any output differs from what was there.
func (r *Result) Changed() bool {
	for _, o := range r.Outputs {
		if len(o.Changed) > 0 {
			return true
		}
	}
	return false
}

// Run generates the project. What is wrong with the project comes back as a
// diag.List with all findings of all steps, sorted.
func Run(ctx context.Context, opts Options) (result *Result, err error) {
	p, err := project.Load(opts.Dir)
	if err != nil {
		return nil, err
	}
	work, err := open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	r := &run{opts: opts, project: p, work: work, inputs: map[string][]byte{}}
	r.do(ctx)
	if r.err != nil {
		return nil, r.err
	}
	r.found = tidy(r.found)
	if err := r.found.Err(); err != nil {
		return nil, err
	}
	return r.finish()
}

// open takes hold of the project's outputs.
func open(p *project.Project) (*outputs.Work, error) {
	work, err := outputs.Open(p.Root, p.Outputs())
	if errors.Is(err, outputs.ErrTaken) {
		return nil, diag.List{{
			File: outputs.WorkDir, Rule: "work-folder", Message: "generation works in a folder of this name and removes it afterwards, but this one is not its own",
			Mend: "move it away",
		}}
	}
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	return work, nil
}

// run is the state of one generation.
type run struct {
	opts    Options
	project *project.Project
	work    *outputs.Work
	inputs  map[string][]byte

	mu    sync.Mutex
	found diag.List
	err   error
}

// add sorts an error into findings about the project and failures of the machine.
func (r *run) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if list, ok := errors.AsType[diag.List](err); ok {
		r.found = append(r.found, list...)
	} else {
		r.err = errors.Join(r.err, err)
	}
}

// tidy sorts the findings and leaves out what two steps found alike: sqlc says
// everything once for each of its outputs, and the linter finds syntax errors
// as well.
func tidy(found diag.List) diag.List {
	found.Sort()
	syntax := map[string]bool{}
	for _, d := range found {
		if d.Rule == "syntax-error" {
			syntax[fmt.Sprint(d.File, d.Line)] = true
		}
	}
	seen := map[diag.Diagnostic]bool{}
	return slices.DeleteFunc(found, func(d diag.Diagnostic) bool {
		again := seen[d] || (d.Rule == "sqlc" && syntax[fmt.Sprint(d.File, d.Line)])
		seen[d] = true
		return again
	})
}

// do runs the steps. sqlc, oapi-codegen and the linter do not depend on each
// other; the facades and handlers need the first two.
func (r *run) do(ctx context.Context) {
	if err := r.stage(); err != nil {
		r.add(err)
		return
	}
	var packages map[string]*queries.Package
	var api []byte
	var doc *openapi.Document
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		packages, err = r.sqlc(ctx)
		r.add(err)
	})
	wg.Go(func() {
		var found diag.List
		doc, found = openapi.Load(ctx, r.project.OpenAPI, r.inputs[r.project.OpenAPI])
		r.add(found.Err())
		if doc == nil {
			return
		}
		var err error
		api, err = r.api()
		r.add(err)
		r.add(r.client(doc))
	})
	if r.opts.Lint != nil {
		wg.Go(func() {
			found, err := r.opts.Lint(r.project)
			r.add(err)
			if len(found) > 0 {
				r.add(found)
			}
		})
	}
	wg.Wait()
	if packages == nil || r.err != nil {
		r.checkNames(doc)
		return
	}
	for _, scope := range r.project.Scopes() {
		if found := facade.Check(packages[scope.Name]); len(found) > 0 {
			r.add(found)
			continue
		}
		r.add(r.facade(packages[scope.Name]))
	}
	if api == nil || doc == nil {
		return
	}
	r.add(doc.CheckPlanLimits(plans(packages)).Err())
	r.add(r.handlers(doc, api, packages))
}

// plans are the columns of public.plans with their types, where a scope's schema has it.
func plans(packages map[string]*queries.Package) map[string]string {
	columns := map[string]string{}
	for _, pkg := range packages {
		for _, c := range pkg.Tables["plans"] {
			columns[c.Name] = c.SQL
		}
	}
	return columns
}

// checkNames is what can be said of operations when sqlc refuses the queries.
func (r *run) checkNames(doc *openapi.Document) {
	if doc == nil {
		return
	}
	for _, scope := range r.project.Scopes() {
		names := slices.Sorted(maps.Keys(queries.Places(r.sources(scope))))
		r.add(handlers.UnknownQueries(doc, scope, names).Err())
	}
}

func (r *run) api() ([]byte, error) {
	p := r.project
	data, err := openapi.Generate(p.OpenAPI, r.inputs[p.OpenAPI], openapi.PackageName(p.API), p.OAPICodegen, r.inputs[p.OAPICodegen])
	if err != nil {
		return nil, err
	}
	return data, r.write(p.API, map[string][]byte{openapi.APIFile: data})
}

// client writes the Go client of a project that has one.
func (r *run) client(doc *openapi.Document) error {
	p := r.project
	if p.Client == "" {
		return nil
	}
	base, err := openapi.GenerateClient(p.OpenAPI, r.inputs[p.OpenAPI], openapi.PackageName(p.Client), p.OAPICodegen, r.inputs[p.OAPICodegen])
	if err != nil {
		return err
	}
	files, err := client.Generate(doc, base)
	if err != nil {
		return err
	}
	if err := compiles(p.Client, files); err != nil {
		return err
	}
	return r.write(p.Client, files)
}

func (r *run) facade(pkg *queries.Package) error {
	files, err := facade.Generate(pkg, r.project.Import(pkg.Scope.Out))
	if err != nil {
		return fmt.Errorf("facade of scope %s: %w", pkg.Scope.Name, err)
	}
	if err := compiles(pkg.Scope.Facade, files); err != nil {
		return err
	}
	return r.write(pkg.Scope.Facade, files)
}

func (r *run) handlers(doc *openapi.Document, api []byte, packages map[string]*queries.Package) error {
	files, err := handlers.Generate(handlers.Input{
		Project: r.project, Document: doc, API: api,
		Tenant: packages["tenant"], Public: packages["public"],
	})
	if err != nil {
		return err
	}
	if err := compiles(r.project.Handlers, files); err != nil {
		return err
	}
	return r.write(r.project.Handlers, files)
}

// compiles is the last look at what the generator itself wrote: a name that is
// declared twice, which the steps before should have found at its origin.
func compiles(dir string, files map[string][]byte) error {
	conflicts := gosrc.Conflicts(files)
	found := make(diag.List, 0, len(conflicts))
	for _, c := range conflicts {
		found = append(found, diag.Diagnostic{
			File: path.Join(dir, c.File), Line: c.Line, Rule: "go-name", Subject: c.Name,
			Message: "the generated Go would not compile: " + c.Message, Mend: "give what has this name in Go another one, and report this as a bug of bailiwick",
		})
	}
	return found.Err()
}

// write puts files into a new output folder.
func (r *run) write(dir string, files map[string][]byte) error {
	target := filepath.Join(r.work.New(), filepath.FromSlash(dir))
	if err := os.MkdirAll(target, outputs.FolderMode); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(target, name), data, outputs.FileMode); err != nil {
			return fmt.Errorf("write %s: %w", dir, err)
		}
	}
	return nil
}

// finish compares the outputs with those in place and swaps them.
func (r *run) finish() (*Result, error) {
	result := &Result{Outputs: []Output{}, Allowed: r.found.Allowed()}
	var foreign diag.List
	for _, dir := range r.project.Outputs() {
		changed, err := r.work.Changes(dir)
		if err != nil {
			return nil, fmt.Errorf("compare outputs: %w", err)
		}
		result.Outputs = append(result.Outputs, Output{Dir: dir, Changed: changed})
		files, err := r.work.Foreign(dir)
		if err != nil {
			return nil, fmt.Errorf("compare outputs: %w", err)
		}
		for _, f := range files {
			foreign = append(foreign, diag.Diagnostic{
				File: f, Line: 1, Rule: "foreign-file", Message: "this file is not generated, but lies in the output folder " + dir + ", which is replaced as a whole",
				Mend: "move the file to another folder",
			})
		}
	}
	if err := foreign.Err(); err != nil {
		return nil, err
	}
	if r.opts.Check {
		return result, nil
	}
	if err := r.work.Swap(r.project.Outputs()); err != nil {
		return nil, fmt.Errorf("put the outputs in place: %w", err)
	}
	return result, nil
}
