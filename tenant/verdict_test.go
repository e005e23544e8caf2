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
		f := &fit{own: map[ID]*verdict{}}
		id := func(n int) ID { return ID{1, byte(n)} }
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
		const others = 100 // Tenants of whom nothing is known.
		if !ask(quorum+1) || ask(others) || f.lastVerdict().misfits != nil {
			t.Error("one that fits speaks for those that were not asked")
		}
		for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, quorum, quorum + 2} {
			if f.good.Load() || !ask(n) || ask(n) {
				t.Errorf("tenant %d, which misfitted, is asked itself", n)
			}
		}
		if !f.good.Load() {
			t.Error("nothing is asked where all fit")
		}

		// A stray was changed by hand.
		f.doubt()
		f.suspect(id(0))
		if ask(0) || ask(others) {
			t.Error("what was just asked is asked again")
		}
		time.Sleep(misfitTTL + 1)
		if !ask(0) || !f.good.Load() {
			t.Error("a suspect is forgotten")
		}
		time.Sleep(misfitTTL + 1)
		f.doubt()
		f.suspect(id(0))
		if !ask(0, misfit) || !ask(1) || ask(others) {
			t.Error("one that misfits does not speak for others")
		}
		if !ask(0, misfit) {
			t.Error("one that misfitted is not asked again where the version fits")
		}
		for range 3 {
			v, _, err := f.turn(t.Context(), id(0))
			if err != nil || len(v.misfits) == 0 || ask(others) || f.lastVerdict().misfits != nil {
				t.Errorf("others speak for one that misfits: %v", err)
			}
			time.Sleep(misfitTTL)
			if !ask(0, misfit) {
				t.Error("one that misfitted is not asked again")
			}
		}
		time.Sleep(misfitTTL)
		if !ask(0) || !f.good.Load() {
			t.Error("one that was mended is refused")
		}
		time.Sleep(misfitTTL + 1)
		for n := range 3 {
			f.suspect(id(n))
		}
		for n := range 3 {
			if !ask(n) || ask((n+1)%3) || ask(others) {
				t.Errorf("suspect %d is asked in its turn", n)
			}
			time.Sleep(probing)
		}

		// Who asks is stuck: others wait for a while, and then one of them asks.
		time.Sleep(misfitTTL + 1)
		f.doubt()
		f.suspect(id(0))
		_, heard, err := f.turn(t.Context(), id(0))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if !ask(others) || time.Since(began) != patience {
			t.Errorf("the neighbour asked after %s", time.Since(began))
		}
		heard()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(misfitTTL + 1)
		f.doubt()
		f.suspect(id(1))
		if _, heard, err = f.turn(t.Context(), id(0)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.turn(ctx, id(1)); err == nil {
			t.Error("waits although cancelled")
		}
		heard()
	})
}
