package catalog

import "context"

type (
	actorKey struct{}
	runKey   struct{}
)

// WithActor says who does what is done with the context, for the audit and for
// hooks: "user:ann@ops.example", "webhook:billing". Without it, it is "role:" and
// the database role that is logged in.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// WithRun says of which bulk run it is a part what is done with the context, for
// the audit.
func WithRun(ctx context.Context, run string) context.Context {
	return context.WithValue(ctx, runKey{}, run)
}

func (c *Catalog) actor(ctx context.Context) string {
	if actor, ok := ctx.Value(actorKey{}).(string); ok && actor != "" {
		return actor
	}
	return "role:" + c.pool.Config().ConnConfig.User
}

func runOf(ctx context.Context) string {
	run, _ := ctx.Value(runKey{}).(string)
	return run
}
