// Command lifecycle measures the life of tenants with the reference service's
// schema. First, in turns, what it takes to create a tenant, against the same DDL
// as one message of many statements in one transaction, without registry, role or
// rights; and to purge it, against DROP SCHEMA and DROP ROLE by hand. Then how many
// tenants a second are onboarded and purged in bulk, as `bailiwick tenant create
// --file` and `bailiwick tenant purge` do it, hundred by hundred, against the same
// by hand among as many tenants: that shows how each changes as they become more.
// Each run has a database of its own, and drops it also when it is interrupted.
//
// Numbers go to the standard output, what is going on to the standard error. It
// imports bench/stats, schema, tenant, tenant/catalog, tenant/devpg and pgx.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lifecycle:", err)
		os.Exit(1)
	}
}

// sayf tells people who wait what is going on.
func sayf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
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
	if err := b.onboard(ctx, o); err != nil {
		return err
	}
	// The one that is measured above, among all the others.
	b.among = o.tenants
	fmt.Printf("among %d tenants\n", o.tenants)
	if err := b.turns(ctx, o.rounds); err != nil {
		return err
	}
	if err := b.offboard(ctx, o); err != nil {
		return err
	}
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
			if round > 0 && way.name != "" { // The first one fills caches.
				times[way.name] = append(times[way.name], time.Since(begin))
			}
		}
		if round%10 == 0 {
			sayf("turn %d of %d", round, rounds)
		}
	}
	fmt.Printf("%d turns, one connection\n", rounds)
	for _, pair := range [][2]string{{create, ddl}, {purge, drop}} {
		for _, name := range pair {
			fmt.Printf("  %-12s %7.1f ms\n", name, stats.Milliseconds(stats.Median(times[name])))
		}
		fmt.Printf("  ratio        %s\n", stats.Ratio(times[pair[0]], times[pair[1]]))
	}
	return nil
}
