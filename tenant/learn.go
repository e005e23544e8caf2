package tenant

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// prepareCall finds the shape of the statement and encodes the arguments by it.
// Only the first use of a statement with a schema version asks the server.
func (q *Querier) prepareCall(ctx context.Context, s *session, p *place, sql string, args []any) (*call, error) {
	key := preparedKey{shapeKey{p.binding.tenant.Version, sql}, p.binding.tenant.ID}
	c := &call{key: key, binding: &p.binding}
	c.shape = q.db.shapes.get(key.shapeKey)
	if c.shape == nil {
		var err error
		if c.shape, err = q.learn(ctx, s, c); err != nil {
			return nil, err
		}
	}
	var err error
	if c.values, c.formats, err = c.shape.encode(s.types, args); err != nil {
		return nil, err
	}
	return c, nil
}

// learn asks the server what a statement takes and gives.
func (q *Querier) learn(ctx context.Context, s *session, c *call) (*shape, error) {
	if err := guard(c.key.sql); err != nil {
		return nil, err
	}
	sd, err := s.describe(ctx, q.bindingToSend(c.binding), c.binding.text(c.key.sql))
	if err != nil {
		return nil, err
	}
	builtin, err := s.builtinTypes(ctx, sd)
	if err != nil {
		return nil, fmt.Errorf("look up types: %w", err)
	}
	sh := shapeOf(sd, s.types, builtin)
	q.db.shapes.put(c.key.shapeKey, sh)
	q.db.noteLearned(c.binding.tenant.ID.IsZero(), c.key.sql, sh, s.types)
	return sh, nil
}

// describe parses a text under the binding without keeping it.
func (s *session) describe(ctx context.Context, b *binding, text string) (*pgconn.StatementDescription, error) {
	x := &pipeline{s: s, p: s.pg.StartPipeline(ctx), bound: b != nil}
	if b != nil {
		s.sendBind(x.p, b)
	}
	x.p.SendPrepare("", text, nil)
	x.err = x.p.Sync()
	sd, err := func() (*pgconn.StatementDescription, error) {
		if err := x.begin(); err != nil {
			return nil, err
		}
		return x.description()
	}()
	return sd, joinDistinct(err, x.finish())
}
