package rest

import (
	"net/http"
	"sync"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// DefaultMaxSpooled is the limit of all spooled bodies when Options names none.
const DefaultMaxSpooled = 1 << 30

const (
	// spoolShare is how many tenants it takes to use up all that may be spooled.
	spoolShare = 4
	// spoolRetryAfter is when a client that is told that too much is spooled may try
	// again, in seconds: a report is worked off in some.
	spoolRetryAfter = "5"
)

// budget bounds the bytes of spooled bodies that are held at a time: of a tenant to
// its share, so that none takes all the room, and of all together. What belongs to no
// tenant shares one share.
type budget struct {
	most int64

	mu   sync.Mutex
	held int64
	each map[tenant.ID]int64 // only of those that hold any
}

func newBudget(most int64) *budget {
	if most == 0 {
		most = DefaultMaxSpooled
	}
	return &budget{most: most, each: map[tenant.ID]int64{}}
}

// take counts n bytes more of a tenant, or says that they are too many.
func (b *budget) take(of tenant.ID, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch more := int64(n); {
	case b.each[of]+more > b.most/spoolShare:
		return overspent(http.StatusTooManyRequests, "the tenant's bodies that are being taken in are too much at a time; send them one after the other")
	case b.held+more > b.most:
		return overspent(http.StatusServiceUnavailable, "too much is being taken in at the moment")
	default:
		b.each[of] += more
		b.held += more
		return nil
	}
}

// give gives back what a tenant has taken.
func (b *budget) give(of tenant.ID, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if b.each[of] -= n; b.each[of] == 0 {
		delete(b.each, of)
	}
}

func overspent(status int, detail string) error {
	return &StatusError{
		Problem: Problem{Status: status, Detail: detail},
		Header:  http.Header{"Retry-After": {spoolRetryAfter}},
	}
}
