package fingerprint

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// Fleet is [States] over several connections of a pool at once. Progress is told,
// one call at a time, how many of the schemas are done; it may be nil.
func Fleet(ctx context.Context, pool *pgxpool.Pool, schemas []string, parallel int, progress func(done int)) (map[string]State, error) {
	parts, err := look(ctx, pool, schemas)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	done := len(schemas) - len(parts) // what is not there
	all := make(map[string]State, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	parallel = max(parallel, 1)
	group.SetLimit(parallel)
	for _, b := range batches(parts, parallel) {
		group.Go(func() error {
			read := make([]State, 0, len(b))
			if err := readBatch(ctx, pool, b, func(s State) { read = append(read, s) }); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, s := range read {
				all[s.Schema] = s
			}
			if done += len(b); progress != nil {
				progress(done)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}
