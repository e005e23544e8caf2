package check

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
	"github.com/bailiwick-dev/bailiwick/internal/project"
)

const (
	ruleIdempotencyKey = "idempotency-key"
	idempotencyKeys    = "idempotency_keys"
	noSuchConstraint   = "42P10"
)

// idempotencyKeys asks whether the runtime's table has the key on which its
// statements rely. The generator compares the columns, but sees no constraints.
func (c *checker) idempotencyKeys(ctx context.Context, scope *project.Scope) error {
	if scope != c.model.Project.Tenant || c.model.Packages[scope.Name].Tables[idempotencyKeys] == nil {
		return nil
	}
	if err := c.execAll(ctx, []string{"SAVEPOINT bailiwick_query"}); err != nil {
		return err
	}
	_, err := c.tx.Conn().PgConn().Exec(ctx, `EXPLAIN INSERT INTO idempotency_keys (subject, operation, key, fingerprint)
		VALUES ('', '', '', '') ON CONFLICT (subject, operation, key) DO NOTHING`).ReadAll()
	pg, refused := errors.AsType[*pgconn.PgError](err)
	if err != nil && !refused {
		return err
	}
	if refused && pg.Code == noSuchConstraint {
		c.found = append(c.found, diag.Diagnostic{
			File: scope.OwnSchema, Rule: ruleIdempotencyKey, Subject: idempotencyKeys,
			Message: "no primary key or unique constraint covers just subject, operation and key, so no Idempotency-Key could be claimed",
			Mend:    "write `CONSTRAINT idempotency_keys_pkey PRIMARY KEY (subject, operation, key)` in the table",
		})
	}
	return c.execAll(ctx, []string{rollbackQuery, "RELEASE SAVEPOINT bailiwick_query"})
}
