// Package limit bounds how often something may be done: so many times in a
// while for each key, such as a client's address. What is too much is an error
// that package rest answers with 429, Retry-After and the RateLimit headers.
//
// A [Limiter] counts in this process alone; with several servers the limit is
// that many times as high. It remembers a bounded number of keys, so that
// nobody fills the memory with them.
//
// The package imports the standard library, golang.org/x/time/rate and
// tenant/rest.
package limit

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// maxKeys bounds the keys that a Limiter remembers, which takes some 10 MB. Who
// comes with more of them at a time has as many addresses or mailboxes.
const maxKeys = 50_000

// Policy is how often something may be done.
type Policy struct {
	// Quota is how often within the Window, and at once at most. After that there
	// is room again bit by bit. Both must be positive.
	Quota  int
	Window time.Duration
}

// UnmarshalText reads "10/1h": a number of times, and a duration of at least a
// second. It implements encoding.TextUnmarshaler.
func (p *Policy) UnmarshalText(text []byte) error {
	times, window, found := strings.Cut(string(text), "/")
	quota, err := strconv.Atoi(times)
	if !found || err != nil || quota <= 0 {
		return errors.New("limit: want times/duration, such as 10/1h")
	}
	d, err := time.ParseDuration(window)
	if err != nil || d < time.Second {
		return errors.New("limit: want a duration of at least a second after the slash, as in 10/1h")
	}
	p.Quota, p.Window = quota, d
	return nil
}

// String is what UnmarshalText reads.
func (p Policy) String() string { return fmt.Sprintf("%d/%s", p.Quota, p.Window) }

// Limiter holds one policy for each key. It is safe for concurrent use.
type Limiter struct {
	name   string
	policy Policy

	mu    sync.Mutex
	keys  map[digest]*list.Element // Each holds a *bucket.
	order *list.List               // Front is the one used last.
}

// digest stands for a key, so that long keys take no more room than short ones.
type digest [16]byte

type bucket struct {
	key     digest
	limiter *rate.Limiter
}

// New makes a Limiter. The name stands in the RateLimit headers; it is ASCII
// without quotes.
func New(name string, p Policy) *Limiter {
	return &Limiter{name: name, policy: p, keys: map[digest]*list.Element{}, order: list.New()}
}

// Take counts once for a key. It is nil if that is still allowed, else a
// *rest.StatusError of status 429; what is refused does not count.
func (l *Limiter) Take(key string) error {
	wait := l.take(key, time.Now())
	if wait == 0 {
		return nil
	}
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	return &rest.StatusError{
		Problem: rest.Problem{Status: http.StatusTooManyRequests, Detail: "try again in " + seconds + " s"},
		Header: http.Header{
			"Retry-After":      {seconds},
			"Ratelimit":        {fmt.Sprintf("%q;r=0;t=%s", l.name, seconds)},
			"Ratelimit-Policy": {fmt.Sprintf("%q;q=%d;w=%d", l.name, l.policy.Quota, int(l.policy.Window.Seconds()))},
		},
	}
}

// Return gives back what one Take has counted. Who takes first and returns what need
// not count can't be overtaken by others, as who looks first could.
func (l *Limiter) Return(key string) { l.bucket(key).AllowN(time.Now(), -1) }

// take returns how long to wait, or zero.
func (l *Limiter) take(key string, now time.Time) time.Duration {
	bucket := l.bucket(key)
	// Not reserved and given back: what others have reserved meanwhile would stay taken.
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return max(time.Duration(missing/float64(bucket.Limit())*float64(time.Second)), 1)
}

func (l *Limiter) bucket(key string) *rate.Limiter {
	sum := sha256.Sum256([]byte(key))
	d := digest(sum[:16])
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.keys[d]; ok {
		l.order.MoveToFront(e)
		return bucketOf(e).limiter
	}
	if l.order.Len() >= maxKeys {
		delete(l.keys, bucketOf(l.order.Back()).key)
		l.order.Remove(l.order.Back())
	}
	b := &bucket{key: d, limiter: rate.NewLimiter(rate.Limit(float64(l.policy.Quota)/l.policy.Window.Seconds()), l.policy.Quota)}
	l.keys[d] = l.order.PushFront(b)
	return b.limiter
}

func bucketOf(e *list.Element) *bucket {
	return e.Value.(*bucket) //nolint:forcetypeassert,errcheck // The list holds nothing else.
}
