//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/internal/gate"
	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

// gate stands up for the statements of the releases that are running, but those
// whose ids are given.
func (f *fleet) gate(ctx context.Context, except []string) (_ plan.Gate, err error) {
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		return nil, fmt.Errorf("ask for the running releases: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	live, err := gate.Live(ctx, conn, except)
	if err != nil {
		return nil, err
	}
	return gate.Hook(live), nil
}
