package codegen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// Model is what sqlc makes of a project's queries.
type Model struct {
	Project *project.Project
	// Packages and Requests are by the scope's name. A request is sqlc's JSON,
	// which holds the text of each generated statement.
	Packages map[string]*queries.Package
	Requests map[string][]byte
	// Inputs are the project's SQL files by their path.
	Inputs map[string][]byte
}

// Queries runs sqlc alone, and leaves the project's outputs as they are. What
// is wrong with the project comes back as a diag.List.
func Queries(ctx context.Context, opts Options) (model *Model, err error) {
	p, err := project.Load(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("load the project: %w", err)
	}
	work, err := open(p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	r := &run{opts: opts, project: p, work: work, inputs: map[string][]byte{}}
	if err := r.stage(); err != nil {
		return nil, err
	}
	m := &Model{Project: p, Requests: map[string][]byte{}, Inputs: r.inputs}
	if m.Packages, err = r.sqlc(ctx); err != nil {
		return nil, err
	}
	for _, scope := range p.Scopes() {
		file := filepath.Join(work.New(), jsonDir, scope.Name, "request.json")
		if m.Requests[scope.Name], err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("read sqlc's JSON: %w", err)
		}
	}
	return m, nil
}
