package atlas

import (
	"context"
	"errors"
	"fmt"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
)

// Inspect reads one schema through Atlas and returns the number of tables that
// it found. It is what Atlas's own command line does for each schema, and is
// here to be measured against.
func Inspect(ctx context.Context, conn *pgx.Conn, name string) (tables int, err error) {
	err = inspecting(ctx, conn, name, func(s *schema.Schema) error {
		tables = len(s.Tables)
		return nil
	})
	return tables, err
}

// inspect reads one schema through Atlas, and what Atlas does not read.
func inspect(ctx context.Context, conn *pgx.Conn, name string) (s *schema.Schema, f facts, err error) {
	err = inspecting(ctx, conn, name, func(found *schema.Schema) (err error) {
		s = found
		f, err = readFacts(ctx, conn, name)
		return err
	})
	return s, f, err
}

func inspecting(ctx context.Context, conn *pgx.Conn, name string, use func(*schema.Schema) error) error {
	err := withPath(ctx, conn, name, func() (err error) {
		db := open(conn)
		defer func() { err = errors.Join(err, db.Close()) }()
		driver, err := postgres.Open(db)
		if err != nil {
			return err
		}
		s, err := driver.InspectSchema(ctx, name, nil)
		if err != nil {
			return err
		}
		return use(s)
	})
	if err != nil {
		return fmt.Errorf("inspect schema %s: %w", name, err)
	}
	return nil
}
