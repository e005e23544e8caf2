package plan

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// origin is a state that is to be cloned: what it is made of, and once one clone
// has been made, the statements that make further ones.
type origin struct {
	scope       Scope
	fingerprint string
	objects     []fingerprint.Object
	steps       []Step
}

// clone makes an empty schema of the origin's structure. Its refusals are those
// of trial.run, which ends when the objects, and so the fingerprint, are equal.
func (o *origin) clone(ctx context.Context, db *database, conn *pgx.Conn) (w World, refused []string, err error) {
	w = World{Conn: conn, Names: db.names(publicSchema)}
	if o.scope == Tenant {
		if w, err = db.newTenant(ctx, conn); err != nil {
			return w, nil, err
		}
	}
	if o.steps != nil {
		err := Run(ctx, w, o.steps)
		if err == nil || sqlState(err) == "" {
			return w, nil, err
		}
		return w, []string{"a second clone can't be made as the first one was: " + describe(err) + "; " + byHand}, nil
	}
	t := trial{World: w, target: o.objects, mend: byHand}
	steps, refused, err := t.run(ctx)
	if err != nil || len(refused) > 0 {
		return w, cannotClone(refused), err
	}
	o.steps = steps
	return w, nil, nil
}

func cannotClone(left []string) []string {
	refused := make([]string, len(left))
	for i, l := range left {
		refused[i] = "the state as it is can't be cloned: " + l
	}
	return refused
}

// readOrigin reads the objects of the first of the schemas that still is in the
// state.
func readOrigin(ctx context.Context, conn *pgx.Conn, scope Scope, state string, schemas []string) (*origin, error) {
	const tries = 3
	for _, schema := range schemas[:min(len(schemas), tries)] {
		list, err := fingerprint.Objects(ctx, conn, schema)
		if err != nil {
			return nil, err
		}
		if fingerprint.Of(list) == state {
			return &origin{scope: scope, fingerprint: state, objects: list}, nil
		}
	}
	return nil, fmt.Errorf("plan: %s changed while it was being looked at\n\tmend: run the command again when nobody changes schemas",
		strings.Join(schemas[:min(len(schemas), tries)], ", "))
}
