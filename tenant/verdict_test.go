package tenant

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestVerdict goes through what is asked of whom, with the clock of the bubble.
func TestVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fit{refused: map[ID]*verdict{}}
		id := func(n int) ID { return ID{byte(n)} }
		ask := func(n int, misfits ...refusal) (asked bool) {
			t.Helper()
			v, heard, err := f.turn(t.Context(), id(n))
			if err != nil {
				t.Fatal(err)
			}
			if v != nil {
				return false
			}
			f.judge(id(n), &verdict{misfits: misfits, until: time.Now().Add(misfitTTL)})
			heard()
			return true
		}
		misfit := refusal{Misfit: Misfit{Statement: "s"}}
		for n := range quorum {
			if !ask(n, misfit) || ask(n) {
				t.Errorf("tenant %d of %d is asked once", n, quorum)
			}
		}
		// One other is asked now and then, whatever the quorum's do meanwhile.
		if !ask(quorum, misfit) || ask(quorum+1) {
			t.Error("where a quorum misfits two others are asked")
		}
		time.Sleep(probing)
		if ask(quorum) || !ask(quorum+2, misfit) {
			t.Error("the one that was asked before is asked again")
		}
		time.Sleep(misfitTTL)
		for n := range quorum {
			if !ask(n, misfit) {
				t.Errorf("tenant %d is not asked again", n)
			}
		}
		if !ask(quorum+1) || !f.good.Load() || ask(0) || f.lastVerdict().misfits != nil {
			t.Error("one that fits speaks for all")
		}
		f.suspect()
		if !f.good.Load() {
			t.Error("what was just asked is suspected")
		}
		time.Sleep(misfitTTL + 1)
		f.suspect()
		if !ask(0, misfit) || !ask(1) || ask(0) {
			t.Error("one that misfits does not speak for others")
		}

		// Who asks is stuck: others wait for a while, and then one of them asks.
		time.Sleep(misfitTTL + 1)
		f.suspect()
		_, heard, err := f.turn(t.Context(), id(0))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if !ask(1) || time.Since(began) != patience {
			t.Errorf("the neighbour asked after %s", time.Since(began))
		}
		heard()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.good.Store(false)
		if _, heard, err = f.turn(t.Context(), id(0)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.turn(ctx, id(1)); err == nil {
			t.Error("waits although cancelled")
		}
		heard()
	})
}
