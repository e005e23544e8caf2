// Command lifecycle measures the life of tenants with the reference service's
// schema. First, in turns, what it takes to create a tenant, against the same DDL
// as one message of many statements in one transaction, without registry, role or
// rights; and to purge it, against DROP SCHEMA. Then how many tenants a second are
// onboarded and purged in bulk, and how that changes as they become more.
//
// It imports bench/stats, schema, tenant, tenant/catalog, tenant/devpg and pgx.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/bench/stats"
)

type options struct {
	tenants, rounds, conns int
	lax                    bool
}

func main() {
	var o options
	flag.IntVar(&o.tenants, "tenants", 1000, "tenants that are onboarded in bulk")
	flag.IntVar(&o.rounds, "rounds", 30, "how many times each takes its turn")
	flag.IntVar(&o.conns, "conns", 4, "connections that onboard and purge")
	flag.BoolVar(&o.lax, "lax", false, "let no commit wait for the disk, as the embedded PostgreSQL does and production does not")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lifecycle:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	b := &bench{}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	if err := b.open(ctx, o); err != nil {
		return err
	}
	if err := b.turns(ctx, o.rounds); err != nil {
		return err
	}
	onboarded, err := b.bulk(ctx, o, b.onboard)
	if err != nil {
		return err
	}
	onboarded.print("onboarded", o)
	// The one that is measured above, among all the others.
	fmt.Printf("among %d tenants\n", o.tenants)
	if err := b.turns(ctx, o.rounds); err != nil {
		return err
	}
	purged, err := b.bulk(ctx, o, b.purge)
	if err != nil {
		return err
	}
	purged.print("offboarded and purged", o)
	fmt.Printf("memory at most  %s\n", stats.Peak())
	return nil
}

// turns measures one tenant at a time.
func (b *bench) turns(ctx context.Context, rounds int) error {
	times := map[string][]time.Duration{}
	for round := range rounds + 1 {
		for _, way := range b.ways(round) {
			begin := time.Now()
			if err := way.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			if round > 0 { // The first one fills caches.
				times[way.name] = append(times[way.name], time.Since(begin))
			}
		}
	}
	fmt.Printf("%d turns       median     lowest\n", rounds)
	for _, pair := range [][2]string{{create, ddl}, {purge, drop}} {
		for _, name := range pair {
			fmt.Printf("  %-12s %7.1f ms %7.1f ms\n", name, stats.Milliseconds(stats.Median(times[name])), stats.Milliseconds(slices.Min(times[name])))
		}
		fmt.Printf("  ratio        %7.2f    %7.2f\n", float64(stats.Median(times[pair[0]]))/float64(stats.Median(times[pair[1]])),
			float64(slices.Min(times[pair[0]]))/float64(slices.Min(times[pair[1]])))
	}
	return nil
}

// result is when each tenant of a bulk was done, from its beginning.
type result []time.Duration

// edge is how many tenants the first and the last are.
const edge = 100

func (r result) print(what string, o options) {
	n := len(r)
	few := min(edge, n/2)
	first, last := float64(few)/r[few-1].Seconds(), float64(few)/(r[n-1]-r[n-1-few]).Seconds()
	fmt.Printf("%d tenants %s, %d connections\n", n, what, o.conns)
	fmt.Printf("  all          %7.1f s, %.1f a second\n", r[n-1].Seconds(), float64(n)/r[n-1].Seconds())
	fmt.Printf("  first %-4d   %7.1f a second\n  last %-4d    %7.1f a second\n  last / first %7.2f\n", few, first, few, last, last/first)
}
