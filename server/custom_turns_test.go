package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Attack 38: whoever sends many reports waits for itself, and all of them
// together leave connections to others.
func TestAttack38ReportsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ids := []tenant.ID{{1}, {2}, {3}}
		queue := newTurns(2)
		var mu sync.Mutex
		working, total, most := map[tenant.ID]int{}, 0, 0
		note := func(id tenant.ID, more int) {
			mu.Lock()
			defer mu.Unlock()
			working[id] += more
			total += more
			most = max(most, total)
			if working[id] > 1 {
				t.Errorf("%d reports of tenant %s at once", working[id], id)
			}
		}
		for i := range 9 {
			go func() {
				done, err := queue.take(t.Context(), ids[i%3])
				if err != nil {
					t.Error(err)
					return
				}
				note(ids[i%3], 1)
				time.Sleep(time.Second)
				note(ids[i%3], -1)
				done()
			}()
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := queue.take(ctx, ids[0]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v of one who does not wait any more", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most != 2 || total != 0 {
			t.Errorf("%d at once, and %d that did not end", most, total)
		}
		if len(queue.each) != 0 || len(queue.all) != 0 {
			t.Errorf("left over: %v, %d", queue.each, len(queue.all))
		}
	})
}
