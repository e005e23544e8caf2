package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/bench/stats"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

const (
	// step is how many tenants make a line of the table.
	step = 100
	// turn is after how many of them it is the other way's turn, so that what else
	// the machine does falls on both.
	turn = 20
	// byHand is how many are made by hand in a turn, for the comparison.
	byHand = 8
)

func slugOf(i int) string { return fmt.Sprintf("tenant-%d", i) }

// each does something for tenants, several at a time, and says how long it took
// for each on average.
func (o options) each(ctx context.Context, from, to int, do func(ctx context.Context, i int) error) (time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.conns)
	begin := time.Now()
	for i := from; i < to; i++ {
		group.Go(func() error { return do(ctx, i) })
	}
	err := group.Wait()
	return time.Since(begin) / time.Duration(max(1, to-from)), err
}

// onboard makes all tenants, as the tool does for those of a file.
func (b *bench) onboard(ctx context.Context, o options) error {
	fmt.Printf("%d tenants onboarded, %d connections\n", o.tenants, o.conns)
	var s series
	bulk := catalog.WithRun(ctx, "bench-onboard")
	bareOf := func(i int) string { return fmt.Sprintf("bare_%d", i) }
	for from := 0; from < o.tenants; from += turn {
		to := min(from+turn, o.tenants)
		ours, err := o.each(bulk, from, to, func(ctx context.Context, i int) error { return b.create(ctx, slugOf(i)) })
		if err != nil {
			return err
		}
		hand, err := o.each(ctx, 0, byHand, func(ctx context.Context, i int) error { return b.send(ctx, makeSQL(bareOf(i))) })
		if err != nil {
			return err
		}
		_, err = o.each(ctx, 0, byHand, func(ctx context.Context, i int) error { return b.send(ctx, "DROP SCHEMA "+bareOf(i)+" CASCADE") })
		if err != nil {
			return err
		}
		s.add(to, ours, hand)
	}
	s.print(create, ddl)
	return nil
}

// offboard removes all tenants: one half as the tool does, the other by hand.
func (b *bench) offboard(ctx context.Context, o options) error {
	fmt.Printf("%d tenants purged, %d connections\n", o.tenants, o.conns)
	var s series
	var left []time.Duration
	bulk := catalog.WithRun(ctx, "bench-purge")
	for from := 0; from < o.tenants; from += turn {
		to := min(from+turn, o.tenants)
		half := (from + to) / 2
		took, err := o.each(bulk, from, half, func(ctx context.Context, i int) error { return b.leave(ctx, slugOf(i)) })
		if err != nil {
			return err
		}
		left = append(left, took)
		ours, err := o.each(bulk, from, half, func(ctx context.Context, i int) error { return b.purge(ctx, slugOf(i)) })
		if err != nil {
			return err
		}
		hand, err := o.each(ctx, half, to, func(ctx context.Context, i int) error { return b.dropByHand(ctx, slugOf(i)) })
		if err != nil {
			return err
		}
		s.add(o.tenants-from, ours, hand)
	}
	s.print(purge, drop)
	fmt.Printf("  offboarded   %7.1f a second\n", 1/stats.Median(left).Seconds())
	return nil
}

// makeSQL is what a tenant's schema is made of, as one message.
func makeSQL(name string) string {
	return "BEGIN; CREATE SCHEMA " + name + "; SET LOCAL search_path = " + name + ", pg_temp;\n" + schema.Tenant + "\n; COMMIT"
}

// series is how long the two ways took for a tenant, turn by turn, among more and
// more of them, or fewer and fewer.
type series struct {
	among      []int
	ours, hand []time.Duration
}

func (s *series) add(among int, ours, hand time.Duration) {
	s.among, s.ours, s.hand = append(s.among, among), append(s.ours, ours), append(s.hand, hand)
	if len(s.among)%(step/turn) == 0 {
		sayf("among %d tenants", among)
	}
}

// print prints a line for each hundred, with the medians of its turns.
func (s *series) print(ours, hand string) {
	fmt.Printf("  among   %12s %12s    ratio\n", ours, hand)
	rate := func(times []time.Duration) float64 { return 1 / stats.Median(times).Seconds() }
	var first, last [2]float64
	for i := 0; i < len(s.among); i += step / turn {
		end := min(i+step/turn, len(s.among))
		last = [2]float64{rate(s.ours[i:end]), rate(s.hand[i:end])}
		if i == 0 {
			first = last
		}
		fmt.Printf("  %5d   %10.1f/s %10.1f/s    %s\n", max(s.among[i], s.among[end-1]), last[0], last[1], stats.Ratio(s.ours[i:end], s.hand[i:end]))
	}
	fmt.Printf("  last/first %9.2f %12.2f\n", last[0]/first[0], last[1]/first[1])
	fmt.Printf("  all     %s\n", stats.Ratio(s.ours, s.hand))
}
