// Command rollout measures a change of the whole fleet: ADD COLUMN and an index
// for every tenant, end to end through the product, against the bare statements
// sent by one psql, in the same run and in turns. Tenants have ten tables, a
// view, a function and a trigger.
//
// It imports bench/stats, internal/atlas, internal/lint, internal/plan, internal/rollout,
// tenant, tenant/catalog, tenant/devpg and pgx.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/bailiwick-dev/bailiwick/bench/stats"
)

type options struct {
	tenants, rounds, parallel int
	percent                   float64
	lax                       bool
}

func main() {
	var o options
	flag.IntVar(&o.tenants, "tenants", 1000, "tenants, at most 65535")
	flag.IntVar(&o.rounds, "rounds", 3, "how many times each takes its turn")
	flag.IntVar(&o.parallel, "parallel", 4, "tenants that are changed at once")
	flag.Float64Var(&o.percent, "percent", 100, "share of the tenants that is one wave; the default is that of rollouts")
	flag.BoolVar(&o.lax, "lax", false, "let no commit wait for the disk, as the embedded PostgreSQL does and production does not")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	f := &fleet{}
	defer func() { err = errors.Join(err, f.close(context.WithoutCancel(ctx))) }()
	if err := f.open(ctx, o.tenants); err != nil {
		return err
	}
	if !o.lax {
		if err := f.admit(ctx, "ALTER DATABASE "+database+" SET synchronous_commit = on"); err != nil {
			return err
		}
	}
	end, err := f.watch(ctx)
	if err != nil {
		return err
	}
	r := results{parts: map[string][]time.Duration{}}
	for range o.rounds {
		if err := r.turn(ctx, f, o); err != nil {
			return err
		}
	}
	locks, err := end()
	r.print(o)
	fmt.Printf("  locks at most          %d at once, where PostgreSQL's defaults have room for 6400\n", locks)
	return err
}

// results are what each turn took.
type results struct {
	bare, all, nothing []time.Duration
	parts              map[string][]time.Duration
}

// turn measures each way once, from the same start.
func (r *results) turn(ctx context.Context, f *fleet, o options) error {
	took, err := f.psql(ctx, "ALTER TABLE %s.t0 ADD COLUMN note text;\nCREATE INDEX t0_note_idx ON %s.t0 (note);\n")
	if err != nil {
		return err
	}
	r.bare = append(r.bare, took)
	if err := f.back(ctx); err != nil {
		return err
	}
	t, err := f.rollOut(ctx, o)
	if err != nil {
		return err
	}
	r.all = append(r.all, t.total())
	for _, part := range stages {
		r.parts[part] = append(r.parts[part], t[part])
	}
	if took, err = f.noOp(ctx, o); err != nil {
		return err
	}
	r.nothing = append(r.nothing, took)
	return f.back(ctx)
}

func (r *results) print(o options) {
	fmt.Printf("%d tenants, %d at once, waves of %v%%, medians of %d turns\n", o.tenants, o.parallel, o.percent, o.rounds)
	fmt.Printf("  psql, bare statements  %6.2f s\n", stats.Median(r.bare).Seconds())
	fmt.Printf("  rolled out             %6.2f s\n", stats.Median(r.all).Seconds())
	for _, part := range stages {
		fmt.Printf("    %-20s %6.2f s\n", part, stats.Median(r.parts[part]).Seconds())
	}
	fmt.Printf("  rolled out / psql      %6.2f\n", stats.Median(r.all).Seconds()/stats.Median(r.bare).Seconds())
	fmt.Printf("  nothing to do          %6.2f s\n", stats.Median(r.nothing).Seconds())
	fmt.Printf("  memory at most         %s\n", stats.Peak())
}
