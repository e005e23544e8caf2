// Command resolve measures how long it takes from the host of a request to its
// tenant: remembered, and asked for each time, alone and with as many goroutines as
// there are processors. The ways take turns within one run; what counts is the ratio.
//
// It imports tenant, tenant/catalog, tenant/devpg and pgx.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

type options struct {
	url     string
	tenants int
	rounds  int
	slice   time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "", "superuser's connection string of a scratch server (default: the embedded PostgreSQL)")
	flag.IntVar(&o.tenants, "tenants", 1000, "number of tenants")
	flag.IntVar(&o.rounds, "rounds", 8, "how many times each way takes its turn")
	flag.DurationVar(&o.slice, "slice", 500*time.Millisecond, "how long a turn is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "resolve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	registry, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.close(context.WithoutCancel(ctx))) }()
	remembers, asks := catalog.NewResolver(registry.db, time.Hour), catalog.NewResolver(registry.db, 0)
	ways := []way{
		{"remembered", remembers, 1}, {"asked", asks, 1},
		{"remembered, in parallel", remembers, runtime.GOMAXPROCS(0)}, {"asked, in parallel", asks, runtime.GOMAXPROCS(0)},
	}
	requests := requestsFor(o.tenants)
	if _, err := turn(ctx, way{"", remembers, 1}, requests, 0, len(requests)); err != nil { // So that all are remembered.
		return err
	}
	took := make([][]time.Duration, len(ways))
	for range o.rounds {
		for i, w := range ways {
			each, err := turn(ctx, w, requests, o.slice, 0)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			took[i] = append(took[i], each)
		}
	}
	fmt.Printf("%d tenants, %d processors, medians of %d turns of %s\n", o.tenants, runtime.GOMAXPROCS(0), o.rounds, o.slice)
	for i, w := range ways {
		fmt.Printf("  %-24s %9d ns for each\n", w.name, median(took[i]).Nanoseconds())
	}
	fmt.Printf("  asked / remembered              %.0f\n", float64(median(took[1]))/float64(median(took[0])))
	fmt.Printf("  asked / remembered, in parallel %.0f\n", float64(median(took[3]))/float64(median(took[2])))
	return nil
}

// way is a resolver, asked by so many goroutines at once.
type way struct {
	name     string
	resolver *catalog.Resolver
	width    int
}

// requestsFor are requests at the host of each tenant.
func requestsFor(tenants int) []*http.Request {
	requests := make([]*http.Request, tenants)
	for i := range requests {
		requests[i] = &http.Request{Method: http.MethodGet, Host: "tenant-" + strconv.Itoa(i) + ".app.example:443", URL: &url.URL{Path: "/v1/scans"}}
	}
	return requests
}

// turn resolves for a while, and at least so many times, and returns the time of
// one: of a goroutine, however many there are.
func turn(ctx context.Context, w way, requests []*http.Request, slice time.Duration, least int) (time.Duration, error) {
	hosts := tenant.Hosts{Base: "app.example"}
	subdomain := hosts.Subdomain()
	const burst = 64 // The clock is not asked each time.
	var total atomic.Int64
	var group errgroup.Group
	began := time.Now()
	for g := range w.width {
		group.Go(func() error {
			done := 0 // Of its own, so that no two processors write to one line of memory.
			defer func() { total.Add(int64(done)) }()
			for ; done%burst != 0 || done < least || time.Since(began) < slice; done++ {
				name, err := subdomain.Resolve(requests[(g*burst+done)%len(requests)])
				if err != nil {
					return err
				}
				if _, err := w.resolver.Route(ctx, name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := errors.Join(group.Wait(), ctx.Err())
	if err != nil || total.Load() == 0 {
		return 0, err
	}
	return time.Since(began) * time.Duration(w.width) / time.Duration(total.Load()), nil
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
