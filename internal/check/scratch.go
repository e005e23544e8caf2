package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/lint"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func scratchSchema() string { return tenant.NewID().SchemaName() }

// InScratch makes an empty database on the server of url, calls fn with a
// connection to it, and drops it.
func InScratch(ctx context.Context, url string, fn func(context.Context, *pgx.Conn) error) (err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("scratch database: %w", err)
	}
	admin, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("scratch database: %w", err)
	}
	// Cancelling the run must still drop what it has made.
	clean := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, admin.Close(clean)) }()
	name := "bailiwick_check_" + strings.TrimPrefix(scratchSchema(), "t_")
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+tenant.QuoteIdent(name)+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("create the scratch database: %w", err)
	}
	defer func() {
		_, drop := admin.Exec(clean, "DROP DATABASE IF EXISTS "+tenant.QuoteIdent(name)+" WITH (FORCE)")
		err = errors.Join(err, drop)
	}()
	scratch := config.Copy()
	scratch.Database = name
	conn, err := pgx.ConnectConfig(ctx, scratch)
	if err != nil {
		return fmt.Errorf("scratch database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(clean)) }()
	return fn(ctx, conn)
}

func (c *checker) runtimeRole() string { return "bailiwick_check_" + c.schema }

// realise makes the shared schema and one tenant, with roles and grants as the
// catalog does in production. It is false when the SQL itself fails.
func (c *checker) realise(ctx context.Context) (bool, error) {
	runtime, own := tenant.QuoteIdent(c.runtimeRole()), tenant.QuoteIdent(c.schema)
	before := []string{
		"CREATE ROLE " + runtime + " NOLOGIN NOINHERIT",
		"CREATE ROLE " + own + " NOLOGIN NOINHERIT",
		"GRANT " + own + ", " + runtime + " TO CURRENT_USER",
		"REVOKE ALL ON SCHEMA public FROM PUBLIC",
		"GRANT USAGE ON SCHEMA public TO PUBLIC",
		"CREATE SCHEMA " + own,
		catalog.NoRoutines,
	}
	publicFiles, tenantFiles := lint.SchemaFiles(c.model.Project)
	steps := []func() (bool, error){
		func() (bool, error) { return true, c.execAll(ctx, before) },
		func() (bool, error) { return c.files(ctx, publicFiles, publicSchema, rulePublicSchema) },
		func() (bool, error) { return true, c.execAll(ctx, catalog.PublicGrants(c.runtimeRole())) },
		func() (bool, error) { return c.files(ctx, tenantFiles, c.schema, ruleTenantSchema) },
		func() (bool, error) { return true, c.execAll(ctx, catalog.TenantGrants(c.schema)) },
	}
	for _, step := range steps {
		if ok, err := step(); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (c *checker) execAll(ctx context.Context, statements []string) error {
	for _, s := range statements {
		if _, err := c.tx.Exec(ctx, s); err != nil {
			return fmt.Errorf("prepare the scratch schemas: %w", err)
		}
	}
	return nil
}

func (c *checker) setPath(ctx context.Context, schema string) error {
	return c.execAll(ctx, []string{"SET LOCAL search_path = " + tenant.QuoteIdent(schema) + ", pg_temp"})
}

// files runs schema files, statement by statement, so that an error has a line
// even where PostgreSQL gives no position.
func (c *checker) files(ctx context.Context, files []string, schema, rule string) (bool, error) {
	if err := c.setPath(ctx, schema); err != nil {
		return false, err
	}
	for _, file := range files {
		text := string(c.model.Inputs[file])
		for _, piece := range pieces(text) {
			_, err := c.tx.Conn().PgConn().Exec(ctx, text[piece.start:piece.end]).ReadAll()
			if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
				line, column := place(text, utf8.RuneCountInString(text[:piece.start])+max(1, int(pg.Position)))
				c.found = append(c.found, diag.Diagnostic{
					File: file, Line: line, Column: column, Rule: rule,
					Message: "PostgreSQL refuses the schema: " + describe(pg), Mend: "correct the statement",
				})
				return false, nil
			}
			if err != nil {
				return false, fmt.Errorf("run %s: %w", file, err)
			}
		}
	}
	return true, nil
}

type piece struct{ start, end int }

// pieces cuts a file into its statements, without the space and the comments
// before them; a file that the parser does not know is one piece.
func pieces(text string) []piece {
	tree, err := lint.Parse(text)
	if err != nil {
		return []piece{{0, len(text)}}
	}
	var list []piece
	for _, s := range tree.GetStmts() {
		start, end := int(s.GetStmtLocation()), len(text)
		if s.GetStmtLen() > 0 {
			end = start + int(s.GetStmtLen())
		}
		list = append(list, piece{start + leading(text[start:end]), end})
	}
	return list
}

// leading is the length of the space and the line comments before a statement.
func leading(text string) int {
	rest := text
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if !strings.HasPrefix(rest, "--") {
			return len(text) - len(rest)
		}
		_, after, _ := strings.Cut(rest, "\n")
		rest = after
	}
}

// enter takes on the role and the path of a scope.
func (c *checker) enter(ctx context.Context, scope *project.Scope) error {
	role, schema := c.runtimeRole(), publicSchema
	if scope == c.model.Project.Tenant {
		role, schema = c.schema, c.schema
	}
	if err := c.setPath(ctx, schema); err != nil {
		return err
	}
	// A generic plan needs no values for its parameters.
	return c.execAll(ctx, []string{"SET LOCAL plan_cache_mode = force_generic_plan", "SET LOCAL ROLE " + tenant.QuoteIdent(role)})
}

func (c *checker) leave(ctx context.Context) error {
	return c.execAll(ctx, []string{"RESET ROLE"})
}

// place converts PostgreSQL's position, in characters from 1, into a line and
// a column; zero stays zero.
func place(text string, position int) (line, column int) {
	if position <= 0 {
		return 0, 0
	}
	runes := []rune(text)
	before := string(runes[:min(position-1, len(runes))])
	last := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, len([]rune(before[last:])) + 1
}

func describe(pg *pgconn.PgError) string {
	text := pg.Message
	if pg.Detail != "" {
		text += " (" + pg.Detail + ")"
	}
	if pg.Where != "" {
		text += ", " + strings.ReplaceAll(pg.Where, "\n", "; ")
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", text, pg.Code)
}
