//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/gate"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/rollout"
)

func defineBreakRelease(cmd *cobra.Command, ids *[]string) {
	cmd.Flags().StringSliceVar(ids, "break-release", nil, "don't stand up for the running release of this id")
	completeFlag(cmd, "break-release", completeNone)
}

// live are the running releases but those whose ids are given, and the ids of all.
func (f *fleet) live(ctx context.Context, except []string) (live []gate.Release, ids []string, err error) {
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		return nil, nil, fmt.Errorf("ask for the running releases: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	live, err = gate.Live(ctx, conn, except)
	ids = slices.Clone(except)
	for _, r := range live {
		ids = append(ids, r.ID)
	}
	return live, ids, err
}

// gate stands up for the statements of the releases that are running, but those
// whose ids are given.
func (f *fleet) gate(ctx context.Context, except []string) (_ plan.Gate, asked []string, err error) {
	live, ids, err := f.live(ctx, except)
	return gate.Hook(live), ids, err
}

// askBack asks the running releases whether they bear the way back.
func (f *fleet) askBack(ctx context.Context, back *rollout.Rollback, except []string) error {
	live, ids, err := f.live(ctx, except)
	if err != nil {
		return err
	}
	back.Releases = ids
	return f.ask(ctx, live, back.Ahead(), "the way back is refused")
}

// askRest asks the releases that run only since a rollout was asked for whether
// they bear the rest of it.
func (f *fleet) askRest(ctx context.Context, engine *rollout.Engine, found rollout.Summary, except []string) error {
	if found.Holder != "" {
		return nil // Somebody else is at work, which will be said.
	}
	live, ids, err := f.live(ctx, except)
	if err != nil {
		return err
	}
	asked, err := engine.Asked(ctx, found.ID)
	if err != nil {
		return err
	}
	known := func(id string) bool { return slices.Contains(asked, id) }
	if ids = slices.DeleteFunc(ids, known); len(ids) == 0 {
		return nil
	}
	live = slices.DeleteFunc(live, func(r gate.Release) bool { return known(r.ID) })
	if len(live) > 0 {
		ahead, err := engine.Ahead(ctx, found.ID)
		if err != nil {
			return err
		}
		if err := f.ask(ctx, live, ahead, fmt.Sprintf("the rest of rollout %d is refused", found.ID)); err != nil {
			return err
		}
	}
	return engine.Ask(ctx, found.ID, ids)
}

// ask asks the gate of what was certified before.
func (f *fleet) ask(ctx context.Context, live []gate.Release, ahead []plan.Ahead, refused string) error {
	in := plan.Input{URL: f.url, Dev: f.dev, RuntimeRole: f.runtimeRole, Gate: gate.HookBegun(live)}
	sentences, err := plan.Ask(ctx, in, ahead)
	if err != nil {
		return fmt.Errorf("ask the running releases: %w\n\tmend: or don't ask them, with --break-release and the ids that `bailiwick schema status` shows", err)
	}
	if len(sentences) == 0 {
		return nil
	}
	return fmt.Errorf("%s, because it\n\t%s\n\tmend: or don't wait for them, with --break-release and their ids in parentheses: "+
		"their servers then answer 503 to the tenants whose schemas they don't fit", refused, strings.Join(sentences, "\n\t"))
}
