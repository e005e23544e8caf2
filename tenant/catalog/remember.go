package catalog

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Sizes of tables, in entries; powers of two.
const (
	tenantSlots  = 1 << 14
	unknownSlots = 1 << 10
	// ways is how many slots a name may be in.
	ways = 8
)

var began = time.Now()

// now is a moment: nanoseconds since the process began, by a clock that is never set.
func now() int64 { return int64(time.Since(began)) }

// entry is what the registry has answered. It does not change.
type entry struct {
	name    tenant.Name
	route   tenant.Route
	unknown bool
	asked   int64 // the moment before the question: the answer is no older
}

func (e *entry) answer(name tenant.Name) (tenant.Route, error) {
	if e.unknown {
		return tenant.Route{}, notFound(name)
	}
	return e.route, nil
}

// table is a map of bounded size whose readers wait for nobody. An entry is in one
// of the few slots that its name leads to; a new one takes the place of the oldest
// of them. Of entries that are put there at the same time one may get lost, which
// costs a lookup.
type table struct {
	seed  maphash.Seed
	slots []atomic.Pointer[entry]
}

func newTable(size int) *table {
	return &table{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[entry], size)}
}

// window are the slots that a name may be in.
func (t *table) window(name *tenant.Name) []atomic.Pointer[entry] {
	text := name.Slug
	switch {
	case name.Domain != "":
		text = name.Domain
	case text == "":
		text = string(name.ID[:])
	}
	sets := uint64(len(t.slots) / ways)
	i := maphash.String(t.seed, text) % sets * ways
	return t.slots[i : i+ways]
}

func (t *table) get(name *tenant.Name) *entry {
	window := t.window(name)
	for i := range window {
		if e := window[i].Load(); e != nil && e.name == *name {
			return e
		}
	}
	return nil
}

// put gives the slot that the entry is in now.
func (t *table) put(e *entry) *atomic.Pointer[entry] {
	window := t.window(&e.name)
	victim, oldest := &window[0], e.asked
	for i := range window {
		old := window[i].Load()
		if old == nil || old.name == e.name {
			victim = &window[i]
			break
		}
		if old.asked < oldest {
			victim, oldest = &window[i], old.asked
		}
	}
	victim.Store(e)
	return victim
}

func (t *table) remove(which func(*entry) bool) {
	for i := range t.slots {
		if e := t.slots[i].Load(); e != nil && which(e) {
			t.slots[i].CompareAndSwap(e, nil)
		}
	}
}

// remembered is what is known of a name and still good; nil when it has to be asked for.
func (r *Resolver) remembered(name tenant.Name, at int64) *entry {
	for _, t := range [...]*table{r.tenants, r.unknown} {
		if e := t.get(&name); e != nil && r.good(e, at) {
			return e
		}
	}
	return nil
}

// good tells whether an answer may still be given. Those that are known to be
// nobody's are kept as long as tenants are, where it would be heard that one is
// made: else the time of the answer would tell them apart.
func (r *Resolver) good(e *entry, at int64) bool {
	age := time.Duration(at - e.asked)
	if age >= r.ttl {
		return false
	}
	hears := r.listens.Load() && time.Duration(at-r.heard.Load()) < deafTTL
	switch {
	case hears:
		return true
	case e.unknown:
		return age < unknownTTL
	default:
		return !r.listens.Load() || age < deafTTL
	}
}

// remember keeps an answer, unless something was forgotten since it was asked for:
// then it may be of before.
func (r *Resolver) remember(e *entry, epoch int64) {
	if r.ttl <= 0 {
		return
	}
	t := r.tenants
	if e.unknown {
		t = r.unknown
	}
	slot := t.put(e)
	if r.epoch.Load() != epoch {
		slot.CompareAndSwap(e, nil)
	}
}
