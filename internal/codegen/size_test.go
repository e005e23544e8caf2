package codegen_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/codegen"
)

// The size of a large project.
const (
	largeTables     = 200
	largeQueries    = 600
	largeOperations = 300
)

// TestLargeProject generates a project of 200 tables, 600 queries and 300
// operations, and says how long it took. It must be done within ten seconds on
// two cores; the test measures, but does not judge.
func TestLargeProject(t *testing.T) {
	t.Parallel()
	dir := newProject(t, "example.com/large", largeProject(t))
	opts := options(t, dir)
	for _, run := range []string{"first", "again"} {
		start := time.Now()
		result, err := codegen.Run(t.Context(), opts)
		check(t, err)
		t.Logf("%s: %.2f s", run, time.Since(start).Seconds())
		if again := run == "again"; result.Changed() == again {
			t.Errorf("%s: changed: %t", run, result.Changed())
		}
	}
}

// largeProject writes tables of twelve columns with three queries each, of
// which the first and every other second one are bound to an operation.
func largeProject(t *testing.T) map[string]string {
	t.Helper()
	var schema, queries, paths, components strings.Builder
	operations := 0
	for i := range largeTables {
		name := fmt.Sprintf("thing%d", i)
		fmt.Fprintf(&schema, `CREATE TYPE %[1]s_state AS ENUM ('new', 'open', 'done');
CREATE TABLE %[1]s (
  id uuid CONSTRAINT %[1]s_pkey PRIMARY KEY, parent_id uuid, title text NOT NULL, note text, state %[1]s_state NOT NULL,
  size bigint NOT NULL, weight numeric, tags text[] NOT NULL, meta jsonb, due date, created_at timestamptz NOT NULL, done boolean NOT NULL
);
`, name)
		fmt.Fprintf(&queries, `-- name: Get%[1]s :one
SELECT * FROM %[1]s WHERE id = $1;

-- name: List%[1]s :many
SELECT * FROM %[1]s
WHERE sqlc.narg('after_id')::uuid IS NULL OR id > sqlc.narg('after_id')::uuid
ORDER BY id LIMIT sqlc.arg('page_limit');

-- name: Add%[1]s :one
INSERT INTO %[1]s (id, title, note, state, size, tags, created_at, done)
VALUES (sqlc.arg('id'), sqlc.arg('title'), sqlc.narg('note'), sqlc.arg('state'), sqlc.arg('size'), sqlc.arg('tags'), now(), false)
RETURNING *;

`, name)
		fmt.Fprintf(&components, `    %[1]s:
      type: object
      required: [id, title, state, size, tags, created_at, done]
      properties: &%[1]s
        id: {type: string, format: uuid}
        title: {type: string, maxLength: 200}
        note: {type: string, nullable: true}
        state: {type: string, enum: [new, open, done]}
        size: {type: integer, format: int64}
        weight: {type: string, format: decimal, nullable: true}
        tags: {type: array, items: {type: string}}
        meta: {type: object, nullable: true}
        due: {type: string, format: date, nullable: true}
        created_at: {type: string, format: date-time}
        done: {type: boolean}
`, name)
		operations++
		fmt.Fprintf(&paths, `  /%[1]s/{id}:
    get:
      operationId: get%[1]s
      security: []
      x-query: Get%[1]s
      parameters: [{name: id, in: path, required: true, schema: {type: string, format: uuid}}]
      responses:
        "200": {description: OK., content: {application/json: {schema: {$ref: "#/components/schemas/%[1]s"}}}}
`, name)
		if i%2 == 0 {
			operations++
			fmt.Fprintf(&paths, `  /%[1]s:
    get:
      operationId: list%[1]s
      security: []
      x-query: List%[1]s
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 20}}
        - {name: cursor, in: query, schema: {type: string}}
      responses:
        "200":
          description: OK.
          content:
            application/json:
              schema:
                type: object
                required: [items]
                properties:
                  items: {type: array, items: {$ref: "#/components/schemas/%[1]s"}}
                  next_cursor: {type: string, nullable: true}
`, name)
		}
	}
	if operations != largeOperations || strings.Count(queries.String(), "-- name:") != largeQueries {
		t.Fatal("the large project has another size")
	}
	return map[string]string{
		"schema/tenant.sql": schema.String(), "queries/tenant/queries.sql": queries.String(),
		"openapi.yaml": "openapi: 3.0.3\ninfo: {title: Large, version: \"1\"}\npaths:\n" + paths.String() + "components:\n  schemas:\n" + components.String(),
		"sqlc.yaml": `version: "2"
sql:
  - engine: postgresql
    schema: schema/tenant.sql
    queries: queries/tenant
    gen:
      go: {package: sqlcgen, out: gen/tenantdb/internal/sqlcgen, sql_package: pgx/v5}
`,
	}
}
