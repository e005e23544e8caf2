package tenant

import (
	"container/list"
	"iter"
)

// lru is a bounded map that forgets what was used least recently. It is not
// safe for concurrent use.
type lru[K comparable, V any] struct {
	capacity int
	items    map[K]*list.Element // Each holds an *lruEntry[K, V].
	order    *list.List          // Front is the most recently used.
	evicted  func(V)
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func entryOf[K comparable, V any](e *list.Element) *lruEntry[K, V] {
	return e.Value.(*lruEntry[K, V]) //nolint:forcetypeassert,errcheck // The list holds nothing else.
}

func newLRU[K comparable, V any](capacity int, evicted func(V)) *lru[K, V] {
	return &lru[K, V]{capacity: capacity, items: map[K]*list.Element{}, order: list.New(), evicted: evicted}
}

func (l *lru[K, V]) get(key K) (V, bool) {
	e, ok := l.items[key]
	if !ok {
		var zero V
		return zero, false
	}
	l.order.MoveToFront(e)
	return entryOf[K, V](e).value, true
}

// all goes through the entries without using them.
func (l *lru[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for key, e := range l.items {
			if !yield(key, entryOf[K, V](e).value) {
				return
			}
		}
	}
}

// put adds or replaces, and evicts the oldest entry above the capacity.
func (l *lru[K, V]) put(key K, value V) {
	l.remove(key)
	l.items[key] = l.order.PushFront(&lruEntry[K, V]{key, value})
	if l.order.Len() > l.capacity {
		l.remove(entryOf[K, V](l.order.Back()).key)
	}
}

// remove evicts the entry of key, if there is one.
func (l *lru[K, V]) remove(key K) {
	e, ok := l.items[key]
	if !ok {
		return
	}
	l.order.Remove(e)
	delete(l.items, key)
	if l.evicted != nil {
		l.evicted(entryOf[K, V](e).value)
	}
}
