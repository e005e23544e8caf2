// Package gate tells which statements of running releases a plan would break. It
// asks clones of the schema before and after: what a server's statements find at
// the one they must find at the other.
//
// It may import internal/lint, internal/plan, tenant, pgx and pg_query.
package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Release is a build of which servers are running, as bailiwick.releases has it.
type Release struct {
	ID, Name, Version string
	// Expires is when it counts as gone, unless a server of it pushes that on.
	Expires    time.Time
	Statements tenant.Statements
}

// String names the release for people.
func (r Release) String() string { return strings.TrimSpace(r.Name + " " + r.Version) }

// Break is a statement of a live release that a plan would break.
type Break struct {
	Release Release
	// Query is the statement's name.
	Query string
	// Change is what the statement would meet.
	Change string
	// Mend is the way round.
	Mend string
}

// clock is how people are told when a release ends.
const clock = "15:04:05 MST"

// Message says all of it in a sentence or two.
func (b Break) Message() string {
	return fmt.Sprintf("breaks query %s of release %s, which is running (%s, seen until %s): %s; %s",
		b.Query, b.Release, b.Release.ID, b.Release.Expires.UTC().Format(clock), b.Change, b.Mend)
}

// querier is a connection or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Live lists the releases that are running, but those whose ids are given. A
// database without a ledger has none.
func Live(ctx context.Context, db querier, except []string) ([]Release, error) {
	rows, err := db.Query(ctx, `SELECT id, name, version, expires_at, statements, coalesce(to_jsonb(r) -> 'learned', '{}') FROM bailiwick.releases AS r
		WHERE expires_at > now() ORDER BY name, version, id`)
	var all []Release
	if err == nil {
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Release, error) {
			var r Release
			var statements, learned []byte
			if err := row.Scan(&r.ID, &r.Name, &r.Version, &r.Expires, &statements, &learned); err != nil {
				return r, err
			}
			return r, errors.Join(json.Unmarshal(statements, &r.Statements), r.learn(learned))
		})
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "42P01" || pg.Code == "3F000") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the running releases: %w", err)
	}
	for _, id := range except {
		if !slices.ContainsFunc(all, func(r Release) bool { return r.ID == id }) {
			return nil, fmt.Errorf("no running release has the id %q\n\tmend: `bailiwick schema status` lists them, with their ids in parentheses", id)
		}
	}
	return slices.DeleteFunc(all, func(r Release) bool { return slices.Contains(except, r.ID) }), nil
}

// learn adds what its servers have run beyond its statements.
func (r *Release) learn(text []byte) error {
	learned := map[string]tenant.Statement{}
	if err := json.Unmarshal(text, &learned); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(learned)) {
		if strings.HasPrefix(key, "public ") {
			r.Statements.Public = append(r.Statements.Public, learned[key])
		} else {
			r.Statements.Tenant = append(r.Statements.Tenant, learned[key])
		}
	}
	return nil
}

// Hook asks the gate of each plan, for all of the releases.
func Hook(releases []Release) plan.Gate {
	return hook(releases, func(b Break) string { return b.Mend })
}

// HookBegun is Hook for what was certified before and can't be made another way:
// what leads back, or the rest of a rollout. There it is the release that has to go.
func HookBegun(releases []Release) plan.Gate {
	return hook(releases, func(b Break) string {
		return "stop or replace the servers of that release first; it counts as running until its heartbeat expires at " +
			b.Release.Expires.UTC().Format(clock)
	})
}

func hook(releases []Release, mend func(Break) string) plan.Gate {
	if len(releases) == 0 {
		return nil
	}
	return func(ctx context.Context, scope plan.Scope, from plan.World) (plan.Asked, error) {
		check, err := Look(ctx, releases, scope, from)
		return func(ctx context.Context, to plan.World, between bool) ([]string, error) {
			breaks, err := check(ctx, to, between)
			sentences := make([]string, len(breaks))
			for i, b := range breaks {
				b.Mend = mend(b)
				sentences[i] = b.Message()
			}
			return sentences, err
		}, err
	}
}

// Check returns what a change to another world breaks. between tells that this one
// is between two steps of a plan.
type Check func(ctx context.Context, to plan.World, between bool) ([]Break, error)

// Look sees what releases find in a world. A statement that does not work there has
// nothing to lose: its server refuses that schema.
func Look(ctx context.Context, releases []Release, scope plan.Scope, from plan.World) (Check, error) {
	texts := newTexts(releases, scope)
	before, err := look(ctx, scope, from, texts.list)
	if err != nil {
		return nil, fmt.Errorf("ask the schema of now: %w", err)
	}
	return func(ctx context.Context, to plan.World, between bool) ([]Break, error) {
		after, err := look(ctx, scope, to, texts.list)
		if err != nil {
			return nil, fmt.Errorf("ask the schema to be: %w", err)
		}
		var breaks []Break
		for _, r := range releases {
			for _, s := range statementsOf(r, scope) {
				i := texts.index[keyOf(s)]
				change, mend := compare(s, before[i], after[i])
				if change == "" && between && before[i].refused == "" {
					change, mend = replaced(before[i], after[i])
				}
				if change != "" {
					breaks = append(breaks, Break{Release: r, Query: s.Name, Change: change, Mend: mend})
				}
			}
		}
		return breaks, nil
	}, nil
}

func statementsOf(r Release, scope plan.Scope) []tenant.Statement {
	if scope == plan.Public {
		return r.Statements.Public
	}
	return r.Statements.Tenant
}

// texts are the statements of all releases, each once.
type texts struct {
	list  []tenant.Statement
	index map[string]int
}

func keyOf(s tenant.Statement) string {
	return s.SQL + "\x00" + strings.Join(s.Params, "\x00") + "\x01" + strings.Join(s.Columns, "\x00")
}

func newTexts(releases []Release, scope plan.Scope) texts {
	t := texts{index: map[string]int{}}
	for _, r := range releases {
		for _, s := range statementsOf(r, scope) {
			if _, known := t.index[keyOf(s)]; !known {
				t.index[keyOf(s)] = len(t.list)
				t.list = append(t.list, s)
			}
		}
	}
	return t
}
