package tenant

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// misfitTTL is how long a misfit is believed without asking again, and how often
	// at most a schema that fitted is asked again because a statement failed there.
	misfitTTL = 2 * time.Second
	// patience is how long those of other tenants wait for the one that asks. Its
	// tenant's tables may be locked, and that is no affair of theirs.
	patience = time.Second
	// quorum is how many tenants of a version have to misfit until those of it that
	// have not been asked count as misfits too. The schemas of one version are alike,
	// but one that was changed by hand only claims to be.
	quorum = 8
	// probing is how often one of the others is asked then, so that many that were
	// changed by hand don't speak for the rest; lateTTL is for how long it is
	// believed, so that its turn does not come before that of the rest.
	probing = misfitTTL / 10
	lateTTL = 15 * misfitTTL
	// maxLate bounds how many of them are remembered.
	maxLate = 1000
)

// fit is what is known of how the required statements fit one schema version. It
// is shared by all queriers of that version.
type fit struct {
	good atomic.Bool // All fit: nothing is asked any more.

	mu     sync.Mutex
	fits   bool            // The version does. Tenants of their own may not.
	last   *verdict        // nil before the first
	own    map[ID]*verdict // of tenants that misfitted, or may do so now
	early  int             // those of own that are the quorum
	doubts time.Time       // when the last of those that may misfit is to be asked
	probed time.Time       // when one was asked that is not
	asking chan struct{}   // Closed when who asks has heard; nil while nobody does.
	since  time.Time       // when that one began
}

// verdict is what one tenant's schema was found to be.
type verdict struct {
	misfits []refusal // none: it fits, or may not do so any more
	until   time.Time
	early   bool // one of the quorum
}

// alwaysFits is for schemas of which nothing is required.
var alwaysFits = func() *fit {
	f := &fit{}
	f.good.Store(true)
	return f
}()

// turn returns what is known of a tenant's schema. While nothing is, of those who
// want to know one asks and the others wait: v is nil for the one, who calls heard
// in the end.
func (f *fit) turn(ctx context.Context, id ID) (v *verdict, heard func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		now := time.Now()
		if v := f.known(id, now); v != nil {
			return v, nil, nil
		}
		left := f.since.Add(patience).Sub(now)
		if f.asking == nil || left <= 0 {
			asking := make(chan struct{})
			f.asking, f.since = asking, now
			if f.early >= quorum && !f.isEarly(id) {
				f.probed = now
			}
			return nil, func() { f.over(asking) }, nil
		}
		if err := f.wait(ctx, left); err != nil {
			return nil, nil, err
		}
	}
}

// wait waits for who asks, and lets others go meanwhile. It wants f.mu to be held.
func (f *fit) wait(ctx context.Context, most time.Duration) error {
	asking := f.asking
	f.mu.Unlock()
	defer f.mu.Lock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-asking:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// over ends a turn, with or without an answer.
func (f *fit) over(asking chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asking == asking {
		f.asking = nil
	}
	close(asking)
}

// known wants f.mu to be held.
func (f *fit) known(id ID, now time.Time) *verdict {
	if f.good.Load() {
		return f.last
	}
	v := f.own[id]
	switch {
	case v != nil && now.Before(v.until):
		return v
	case f.fits && v == nil, !f.fits && f.early >= quorum && !f.isEarly(id) && now.Before(f.probed.Add(probing)):
		return f.last
	}
	return nil
}

func (f *fit) isEarly(id ID) bool {
	v := f.own[id]
	return v != nil && v.early
}

// judge notes what a tenant's schema was found to be. A misfit does not speak
// against tenants that fit, nor a fit for those that did not: they are asked
// themselves, at once where the version has just turned out to fit.
func (f *fit) judge(id ID, v *verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(v.misfits) == 0 {
		if f.isEarly(id) {
			f.early--
		}
		delete(f.own, id)
		for _, other := range f.own {
			if !f.fits && len(other.misfits) > 0 {
				other.until = time.Time{}
			}
		}
		f.fits, f.last = true, v
		f.good.Store(len(f.own) == 0)
		return
	}
	if !f.fits || id.IsZero() {
		f.last = v
	}
	switch {
	case f.isEarly(id):
		v.early = true
	case f.early < quorum:
		v.early = true
		f.early++
	default:
		v.until = v.until.Add(lateTTL - misfitTTL)
		maps.DeleteFunc(f.own, func(_ ID, v *verdict) bool { return len(f.own) >= maxLate && !v.early })
	}
	f.own[id] = v
	f.good.Store(false)
}

// suspect has a tenant asked again, whose schema may have been changed by hand. One
// after the other is, and none at once after an answer, since what fails may be a
// handler's own mistake.
func (f *fit) suspect(id ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil || f.own[id] != nil || len(f.own) >= maxLate {
		return
	}
	at := time.Now()
	for _, t := range []time.Time{f.last.until, f.doubts.Add(probing)} {
		if t.After(at) {
			at = t
		}
	}
	f.doubts = at
	f.own[id] = &verdict{until: at}
	f.good.Store(false)
}

// doubt has the version asked again, unless that was done just now.
func (f *fit) doubt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last == nil || !f.fits || !time.Now().After(f.last.until) {
		return
	}
	f.fits, f.early = false, 0
	for _, v := range f.own {
		v.early = false
	}
	f.good.Store(false)
}

// lastVerdict is nil before the first.
func (f *fit) lastVerdict() *verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}
