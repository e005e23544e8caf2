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
	s, err := inspect(ctx, conn, name)
	if err != nil {
		return 0, err
	}
	return len(s.Tables), nil
}

func inspect(ctx context.Context, conn *pgx.Conn, name string) (*schema.Schema, error) {
	var s *schema.Schema
	err := withPath(ctx, conn, name, func() (err error) {
		db := open(conn)
		defer func() { err = errors.Join(err, db.Close()) }()
		driver, err := postgres.Open(db)
		if err != nil {
			return err
		}
		s, err = driver.InspectSchema(ctx, name, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("inspect schema %s: %w", name, err)
	}
	return s, nil
}
