// Command bench measures what binding a query to its tenant costs, against the
// other ways of running the same query, all within one run:
//
//	bound      Bailiwick: role, search_path and timeout in the query's own round trip
//	raw        pgx in one schema, no tenants at all
//	qualified  schema-qualified names, no role, over the same tenants
//	set        SET search_path, then the query
//	tx         BEGIN, SET LOCAL role and search_path, the query, COMMIT
//
// The ways take turns in short slices, so that the machine's drift meets all of
// them; what counts is the ratio. A turn begins with a moment that is not counted,
// in which the processors' caches forget the way before. It imports bench/stats, tenant,
// tenant/devpg and pgx.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bailiwick-dev/bailiwick/bench/stats"
)

type options struct {
	url     string
	tenants int
	conns   int
	rounds  int
	slice   time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "", "superuser's connection string of a scratch server (default: the embedded PostgreSQL)")
	flag.IntVar(&o.tenants, "tenants", 200, "number of tenants")
	flag.IntVar(&o.conns, "conns", 8, "connections and goroutines of each way")
	flag.IntVar(&o.rounds, "rounds", 16, "how many times each way takes its turn")
	flag.DurationVar(&o.slice, "slice", 500*time.Millisecond, "how long a turn is, after a fifth of a second that is not counted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		complain(err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	server, err := startServer(ctx, o)
	if err != nil {
		return err
	}
	defer server.close(context.WithoutCancel(ctx))
	ways, err := openWays(ctx, server, o)
	if err != nil {
		return err
	}
	defer func() {
		for _, w := range ways {
			w.close()
		}
	}()
	fmt.Printf("%d tenants, %d connections, %d turns of %s each\n", o.tenants, o.conns, o.rounds, o.slice)
	for _, q := range queries {
		rates, err := measure(ctx, ways, q, o)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		if err := report(q, ways, rates); err != nil {
			return err
		}
	}
	return nil
}

// measure lets the ways take turns and returns queries per second by way and round.
// A first round, which fills caches, is not counted.
func measure(ctx context.Context, ways []way, q query, o options) ([][]float64, error) {
	rates := make([][]float64, len(ways))
	for round := range o.rounds + 1 {
		for i := range ways {
			at := (i + round) % len(ways)
			slice := o.slice
			if round == 0 {
				slice = max(slice, 3*time.Second)
			}
			rate, err := drive(ctx, ways[at], q, o, slice)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[at].name, err)
			}
			if round > 0 {
				rates[at] = append(rates[at], rate)
			}
		}
	}
	return rates, nil
}

func report(q query, ways []way, rates [][]float64) error {
	fmt.Printf("\n%s\n", q.title)
	var table strings.Builder
	table.WriteString("way\tqueries/s\tbound / way\tlowest\thighest\t\n")
	for i, way := range ways {
		ratios := make([]float64, len(rates[i]))
		for r := range ratios {
			ratios[r] = rates[0][r] / rates[i][r]
		}
		slices.Sort(ratios)
		fmt.Fprintf(&table, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t\n", way.name, stats.Median(rates[i]), stats.Median(ratios), ratios[0], ratios[len(ratios)-1])
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if _, err := io.WriteString(w, table.String()); err != nil {
		return err
	}
	return w.Flush()
}
