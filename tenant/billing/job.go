package billing

import (
	"context"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

const (
	// enforceEvery is how often time alone may have put a tenant out of line, as
	// when its grace is over.
	enforceEvery = time.Minute
	// keepFor is how long an event is kept that was applied. What is sent once more
	// after that is older than what is stored, and changes nothing.
	keepFor = 30 * 24 * time.Hour
	// keepFailed is how long one is kept that can't be applied, and tried again.
	keepFailed = 3 * keepFor
)

// Jobs are what a worker does for billing. Any number of workers may.
func (b *Billing) Jobs() []worker.Job {
	return []worker.Job{
		{Name: "billing", Run: b.Work},
		{Name: "subscriptions", Every: enforceEvery, Run: b.Enforce},
		{Name: "old events", Every: time.Hour, Run: b.clean},
	}
}

// Work applies what has arrived and then brings tenants in line. It returns how
// much there was to do.
func (b *Billing) Work(ctx context.Context) (done int, err error) {
	applied, err := b.Apply(ctx)
	if err != nil || applied == 0 {
		return applied, err
	}
	enforced, err := b.Enforce(ctx)
	return applied + enforced, err
}

// clean deletes what was applied long ago, and what could not be for far longer: it
// is about people.
func (b *Billing) clean(ctx context.Context) (int, error) {
	_, err := b.pool.Exec(ctx, `
		DELETE FROM bailiwick.inbox WHERE source = $1 AND (
			done_at < pg_catalog.now() - pg_catalog.make_interval(secs => $2)
			OR received_at < pg_catalog.now() - pg_catalog.make_interval(secs => $3))`,
		source, keepFor.Seconds(), keepFailed.Seconds())
	return 0, err
}
