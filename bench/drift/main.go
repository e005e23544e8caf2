// Command drift measures the search for drift: how long it takes to read the
// structure of every tenant by fingerprint, against inspecting each schema
// through Atlas's SDK, in the same run and in turns. Tenants have ten tables, a
// view, a function and a trigger. Atlas reads a sample of them, since all would
// take an hour; what counts is the time for one tenant.
//
// It imports bench/stats, internal/atlas, tenant, tenant/devpg, tenant/fingerprint and pgx.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/bench/stats"
	"github.com/bailiwick-dev/bailiwick/internal/atlas"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

type options struct {
	url    string
	sizes  []int
	conns  int
	sample int
	rounds int
}

func main() {
	o := options{sizes: []int{1000, 5000}}
	flag.StringVar(&o.url, "url", "", "superuser's connection string of a scratch server (default: the embedded PostgreSQL)")
	flag.Func("tenants", "numbers of tenants, ascending (default 1000,5000; making 5,000 takes ten minutes)", o.parseSizes)
	flag.IntVar(&o.conns, "conns", 2, "connections")
	flag.IntVar(&o.sample, "sample", 40, "how many schemas Atlas inspects")
	flag.IntVar(&o.rounds, "rounds", 3, "how many times each takes its turn")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "drift:", err)
		os.Exit(1)
	}
}

func (o *options) parseSizes(s string) error {
	o.sizes = nil
	for word := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		o.sizes = append(o.sizes, n)
	}
	if !slices.IsSorted(o.sizes) || len(o.sizes) == 0 || o.sizes[0] < 1 {
		return errors.New("want ascending numbers")
	}
	return nil
}

func run(ctx context.Context, o options) (err error) {
	fleet, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.close(context.WithoutCancel(ctx))) }()
	for _, size := range o.sizes {
		if err := fleet.grow(ctx, size); err != nil {
			return err
		}
		if err := measure(ctx, fleet, o); err != nil {
			return err
		}
	}
	return nil
}

// measure lets the two take turns.
func measure(ctx context.Context, f *fleet, o options) error {
	var ours, theirs []time.Duration
	for round := range o.rounds {
		took, err := f.fingerprint(ctx, o.conns)
		if err != nil {
			return err
		}
		ours = append(ours, took/time.Duration(len(f.schemas)))
		if took, err = f.inspect(ctx, round, o); err != nil {
			return err
		}
		theirs = append(theirs, took)
	}
	all := stats.Median(ours) * time.Duration(len(f.schemas))
	fmt.Printf("%d tenants, %d connections, medians of %d turns\n", len(f.schemas), o.conns, o.rounds)
	fmt.Printf("  fingerprint  %8.2f s for all, %.2f ms each\n", all.Seconds(), stats.Milliseconds(stats.Median(ours)))
	fmt.Printf("  Atlas's SDK  %8.0f s for all by %d of them, %.1f ms each\n", stats.Median(theirs).Seconds()*float64(len(f.schemas)), o.sample, stats.Milliseconds(stats.Median(theirs)))
	fmt.Printf("  Atlas / fingerprint  %.0f\n", float64(stats.Median(theirs))/float64(stats.Median(ours)))
	fmt.Printf("  memory at most  %s\n", stats.Peak())
	return nil
}

// fingerprint reads the structure of all tenants, which must be equal.
func (f *fleet) fingerprint(ctx context.Context, conns int) (time.Duration, error) {
	begin := time.Now()
	states, err := fingerprint.Fleet(ctx, f.pool, f.schemas, conns, nil)
	took := time.Since(begin)
	if err != nil {
		return 0, err
	}
	kinds := map[string]int{}
	for _, s := range states {
		kinds[s.Fingerprint]++
	}
	if len(states) != len(f.schemas) || len(kinds) != 1 {
		return 0, fmt.Errorf("%d states of %d tenants are %d different ones", len(states), len(f.schemas), len(kinds))
	}
	return took, nil
}

// inspect reads a sample through Atlas, one connection for each share of it, and
// returns the time for one schema.
func (f *fleet) inspect(ctx context.Context, round int, o options) (time.Duration, error) {
	sample := min(max(o.sample, o.conns), len(f.schemas))
	begin := time.Now()
	err := inParallel(ctx, o.conns, func(ctx context.Context, share int) error {
		return f.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			for i := share; i < sample; i += o.conns {
				at := (i*len(f.schemas)/sample + round) % len(f.schemas)
				tables, err := atlas.Inspect(ctx, conn.Conn(), f.schemas[at])
				if err != nil {
					return err
				}
				if tables != tablesOfTenant {
					return fmt.Errorf("%d tables were found in %s by Atlas", tables, f.schemas[at])
				}
			}
			return nil
		})
	})
	return time.Since(begin) / time.Duration(sample), err
}
