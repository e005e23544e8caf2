// Package check prepares every query of a project on a real PostgreSQL, as the
// role and under the search_path that it runs with, and compares what the
// server says about types and nullability with what was generated.
//
// It may import internal/codegen, internal/lint, internal/diag,
// internal/project, tenant, tenant/catalog, tenant/devpg, pgx and pg_query.
package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/queries"
	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

// The stable names of the rules.
const (
	rulePublicSchema = "public-schema"
	ruleTenantSchema = "tenant-schema"
	rulePrepare      = "prepare"
	rulePermission   = "permission"
	ruleColumnType   = "column-type"
	ruleColumnCount  = "column-count"
	ruleUntypedCol   = "untyped-column"
	ruleNullableCol  = "nullable-column"
	ruleParamType    = "parameter-type"
	ruleUntypedParam = "untyped-parameter"
	ruleNullableArg  = "nullable-parameter"
	ruleCopyColumns  = "copy-columns"
	ruleReleaseFit   = "release-fit"
)

// Model runs sqlc on the project in dir; sqlc is the command that behaves as
// sqlc's own.
func Model(ctx context.Context, dir string, sqlc []string) (*codegen.Model, error) {
	return codegen.Queries(ctx, codegen.Options{Dir: dir, SQLC: sqlc})
}

// Run checks the model on the database of conn, which must be empty: all is
// done in one transaction, which is rolled back. The role of conn must be able
// to create roles and schemas. Findings are in the list, allowed ones too.
func Run(ctx context.Context, conn *pgx.Conn, m *codegen.Model) (list diag.List, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	defer func() {
		if rollback := tx.Rollback(context.WithoutCancel(ctx)); rollback != nil {
			err = errors.Join(err, fmt.Errorf("check: %w", rollback))
		}
	}()
	c := &checker{model: m, tx: tx, schema: scratchSchema()}
	ok, err := c.realise(ctx)
	if err != nil || !ok {
		return c.found, err
	}
	if err := c.loadCatalog(ctx); err != nil {
		return nil, err
	}
	for _, scope := range m.Project.Scopes() {
		if err := c.scope(ctx, scope); err != nil {
			return nil, err
		}
	}
	c.allow()
	for _, scope := range m.Project.Scopes() {
		if err := c.release(ctx, scope); err != nil {
			return nil, err
		}
	}
	c.found.Sort()
	return c.found, nil
}

// checker is the state of one run.
type checker struct {
	model  *codegen.Model
	tx     pgx.Tx
	schema string // of the scratch tenant, and its role
	found  diag.List
	types  *types
	tables *tables
}

// request is the part of sqlc's JSON that tells the generated statements.
type request struct {
	Queries []requestQuery `json:"queries"`
}

type requestQuery struct {
	Name   string `json:"name"`
	Cmd    string `json:"cmd"`
	Text   string `json:"text"`
	Params []struct {
		Number int `json:"number"`
		Column struct {
			Name string `json:"name"`
		} `json:"column"`
	} `json:"params"`
}

// subject is one query with all that is known of it.
type subject struct {
	*queries.Query

	scope  *project.Scope
	text   string
	params map[int]queries.Value // by the number of their placeholder
}

func (c *checker) scope(ctx context.Context, scope *project.Scope) error {
	subjects, err := subjects(c.model, scope)
	if err != nil {
		return err
	}
	if err := c.enter(ctx, scope); err != nil {
		return err
	}
	for i, s := range subjects {
		if err := c.query(ctx, s, fmt.Sprintf("bailiwick_check_%s_%d", scope.Name, i)); err != nil {
			return fmt.Errorf("check query %s: %w", s.Name, err)
		}
	}
	if err := c.idempotencyKeys(ctx, scope); err != nil {
		return fmt.Errorf("check table %s: %w", idempotencyKeys, err)
	}
	return c.leave(ctx)
}

func subjects(m *codegen.Model, scope *project.Scope) ([]*subject, error) {
	var req request
	if err := json.Unmarshal(m.Requests[scope.Name], &req); err != nil {
		return nil, fmt.Errorf("read sqlc's JSON: %w", err)
	}
	var list []*subject
	for _, rq := range req.Queries {
		q := m.Packages[scope.Name].Find(rq.Name)
		if q == nil {
			continue // a statement without a name generates nothing
		}
		s := &subject{Query: q, scope: scope, text: rq.Text, params: map[int]queries.Value{}}
		for _, p := range rq.Params {
			name := p.Column.Name
			if name == "" {
				name = fmt.Sprintf("dollar_%d", p.Number)
			}
			if i := slices.IndexFunc(q.Params, func(v queries.Value) bool { return v.Name == name }); i >= 0 {
				s.params[p.Number] = q.Params[i]
			}
		}
		list = append(list, s)
	}
	return list, nil
}

func (c *checker) report(s *subject, name, rule, message, mend string) {
	label := s.Name
	if name != "" {
		label += "." + name
	}
	c.found = append(c.found, diag.Diagnostic{
		File: s.File, Line: s.Line, Rule: rule, Subject: label, Message: message, Mend: mend,
	})
}
