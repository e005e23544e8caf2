package tenant_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// TestMisfits compares statements with a schema: what carries every value fits,
// whatever its name.
func TestMisfits(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), open(t, tenant.Config{}).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), `
		CREATE SCHEMA misfits;
		SET LOCAL search_path = misfits, pg_temp;
		CREATE TYPE hue AS ENUM ('red');
		CREATE TYPE size AS ENUM ('small');
		CREATE DOMAIN rank AS int;
		CREATE TABLE things (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, small int2 NOT NULL, name varchar(9),
			colour hue NOT NULL, sizes size[] NOT NULL DEFAULT '{}', rank rank, data jsonb);
		CREATE VIEW seen AS SELECT * FROM things`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tenant.Misfits(t.Context(), conn, "misfits", []tenant.Statement{
		{
			Name: "Fits", SQL: "SELECT id, small, name, colour, sizes, rank, data FROM things WHERE id = $1 AND rank = $2 LIMIT $3",
			Params:  []string{"int8 NOT NULL", "rank", "int4"},
			Columns: []string{"int8 NOT NULL", "int4 NOT NULL", "text", "hue NOT NULL", "size[] NOT NULL", "rank", "json"},
		},
		{Name: "Unknown", SQL: "SELECT id, small FROM things WHERE name = $1", Params: []string{""}, Columns: []string{"", ""}},
		{Name: "ReadsNothing", SQL: "UPDATE things SET small = $1 RETURNING id", Params: []string{"int2"}},
		{Name: "View", SQL: "SELECT name FROM seen", Columns: []string{"text NOT NULL"}},
		{Name: "Copied", SQL: `INSERT INTO "things" ("id", "small") OVERRIDING SYSTEM VALUE VALUES ($1, $2)`, Params: []string{"int8", "int2"}},
		{Name: "NoTable", SQL: "SELECT 1 FROM things_of_old"},
		{Name: "NoColumn", SQL: "SELECT age FROM things"},
		{Name: "NoLabel", SQL: "SELECT id FROM things WHERE colour = 'green'"},
		{Name: "Narrow", SQL: "SELECT id FROM things", Columns: []string{"int4"}},
		{Name: "Enum", SQL: "SELECT colour FROM things", Columns: []string{"size"}},
		{Name: "NoType", SQL: "SELECT colour FROM things", Columns: []string{"tint"}},
		{Name: "Array", SQL: "SELECT sizes FROM things", Columns: []string{"size"}},
		{Name: "Param", SQL: "SELECT id FROM things WHERE small = $1", Params: []string{"int8"}},
		{Name: "Params", SQL: "SELECT id FROM things WHERE small = $1", Params: []string{"int2", "int2"}},
		{Name: "Columns", SQL: "SELECT id, small FROM things", Columns: []string{"int8"}},
		{Name: "Null", SQL: "SELECT name FROM things", Columns: []string{"text NOT NULL"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []tenant.Misfit{
		{Statement: "NoTable", Reason: `relation "things_of_old" does not exist (SQLSTATE 42P01)`},
		{Statement: "NoColumn", Reason: `column "age" does not exist (SQLSTATE 42703)`},
		{Statement: "NoLabel", Reason: `invalid input value for enum hue: "green" (SQLSTATE 22P02)`},
		{Statement: "Narrow", Reason: "column id is int8, and the code reads int4"},
		{Statement: "Enum", Reason: "column colour is hue, and the code reads size"},
		{Statement: "NoType", Reason: "column colour is hue, and the code reads tint"},
		{Statement: "Array", Reason: "column sizes is size[], and the code reads size"},
		{Statement: "Param", Reason: "parameter $1 is int2, and the code gives int8"},
		{Statement: "Params", Reason: "it takes 1 parameters, and the code gives 2"},
		{Statement: "Columns", Reason: "it returns 2 columns, and the code reads 1"},
		{Statement: "Null", Reason: "column things.name can be null, and the code reads it as never null"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var one int
	if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM misfits.things").Scan(&one); err != nil {
		t.Errorf("the transaction is not as it was: %v", err)
	}
}
