package tenant

import (
	"context"
	"strconv"
)

// SQLWords is for tests of the guard's lexer.
var SQLWords = sqlWords

// CountPrepared counts the prepared statements of one connection, which no
// querier may do.
func CountPrepared(ctx context.Context, db *DB) (int, error) {
	s, err := db.nodes[DefaultNode].acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer s.release()
	result := s.pg.ExecParams(ctx, "SELECT count(*) FROM pg_prepared_statements", nil, nil, nil, nil).Read()
	if result.Err != nil {
		return 0, result.Err
	}
	return strconv.Atoi(string(result.Rows[0][0]))
}
