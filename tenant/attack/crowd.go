package attack

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// clients is how many send at once, and rounds how often each one does.
	clients, rounds = 8, 50
)

// crowd is attacks 13 and 17 over HTTP: nothing of one tenant is left for the next,
// whoever sends at once or gives up in the middle.
func (c *campaign) crowd(ctx context.Context) error {
	w, why := c.watch(ctx)
	if why != "" {
		c.skip(13, "requests that are given up", why)
		c.skip(17, "tenants who ask at once", why)
		return nil
	}
	w.trial(ctx, 17, "tenants who ask at once")
	got := w.turns(ctx, func(i int) time.Duration { return time.Duration(i+1) * time.Millisecond })
	if got.crossed == "" && got.own+got.other == 0 {
		c.skip(13, "requests that are given up", "the service limits requests: "+got.String())
	} else {
		c.judge(13, "requests that are given up", w.sent(), got.String(), got.crossed == "", "to each its own answer, or 503")
	}
	w.remain(ctx, 13, "the tenants after requests that were given up")
	return c.severed(ctx, w)
}

// watch knows what each tenant's answer is, until somebody writes.
type watch struct {
	*campaign

	parties []Party
	answers []answer
}

// What is no answer of its own tells nothing, and why says so.
func (c *campaign) watch(ctx context.Context, more ...Party) (w *watch, why string) {
	w = &watch{campaign: c, parties: append([]Party{c.A, c.B}, more...)}
	for _, p := range w.parties {
		got := c.served(ctx, p)
		if got.status != http.StatusOK {
			return nil, fmt.Sprintf("%s at %s is %s in the first place", c.witness, p.Host, got)
		}
		w.answers = append(w.answers, got)
	}
	return w, ""
}

func (w *watch) sent() string { return fmt.Sprintf("%s, %d times", w.witness, clients*rounds) }

// ask sends the witness for one of the parties; alien says whether what came back
// is somebody else's.
func (w *watch) ask(ctx context.Context, i int) (got answer, alien bool) {
	p := w.parties[i]
	got = w.sendTo(ctx, w.URL, request{method: w.witness.method, path: w.witness.target(nil), host: p.Host, token: p.Token})
	return got, got.status == http.StatusOK && !got.same(w.answers[i])
}

// tally is what came back when all asked at once.
type tally struct {
	own, busy, other int    // Busy are 503 and 429; other are errors, and no answer.
	late             int    // How many of the others we ceased to wait for.
	last             string // Of the others.
	crossed          string // What came back to the wrong one.
}

func (t tally) String() string {
	if t.crossed != "" {
		return t.crossed
	}
	text := fmt.Sprintf("%d own answers, %d times busy, none crossed", t.own, t.busy)
	if t.other > 0 {
		text += fmt.Sprintf(", %d others: %s", t.other, t.last)
	}
	return text
}

// safe tells whether somebody was answered, and nobody by what is another's or by
// an error of the service's own.
func (t tally) safe() bool { return t.crossed == "" && t.own > 0 && t.other == 0 }

// trial judges what comes back when all parties ask at once.
func (w *watch) trial(ctx context.Context, attack int, name string) {
	w.judgeAll(attack, name, w.sent(), w.turns(ctx, w.patient), true)
}

// judgeAll judges what came back to all; where we ceased to wait it tells nothing.
func (c *campaign) judgeAll(attack int, name, sent string, got tally, also bool) {
	if got.crossed == "" && got.late > 0 && got.late == got.other {
		c.skip(attack, name, sent+": "+got.String())
		return
	}
	c.judge(attack, name, sent, got.String(), got.safe() && also, "to each its own answer, or 503")
}

// patient gives each request the time that requests have.
func (w *watch) patient(int) time.Duration { return w.Timeout }

// turns lets all parties ask at once; patience is how long the nth request of one
// may take.
func (w *watch) turns(ctx context.Context, patience func(n int) time.Duration) tally {
	var wait sync.WaitGroup
	found := make([]tally, clients)
	for n := range clients {
		wait.Go(func() {
			for i := range rounds {
				w.turn(ctx, (n+i)%len(w.parties), patience(i), &found[n])
			}
		})
	}
	wait.Wait()
	var all tally
	for _, t := range found {
		all.own, all.busy, all.other = all.own+t.own, all.busy+t.busy, all.other+t.other
		all.late += t.late
		all.last, all.crossed = cmp.Or(all.last, t.last), cmp.Or(all.crossed, t.crossed)
	}
	return all
}

func (w *watch) turn(ctx context.Context, party int, patience time.Duration, t *tally) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch got, alien := w.ask(ctx, party); {
	case alien:
		t.crossed = fmt.Sprintf("%s was answered otherwise: %.200s", w.parties[party].Host, got.body)
	case got.status == http.StatusOK:
		t.own++
	case got.is(http.StatusServiceUnavailable, http.StatusTooManyRequests):
		t.busy++
	default:
		t.other, t.last = t.other+1, got.String()
		if got.late() {
			t.late++
		}
	}
}

// remain asks for each party once more: all is as it was. A service that has just
// lost its connections may say so with 503, for a while.
func (w *watch) remain(ctx context.Context, attack int, name string) {
	for i, p := range w.parties {
		got, _ := w.ask(ctx, i)
		for begun := time.Now(); got.is(http.StatusServiceUnavailable) && time.Since(begun) < w.Timeout; got, _ = w.ask(ctx, i) {
			time.Sleep(10 * time.Millisecond)
		}
		w.judge(attack, name, w.witness.String()+" at "+p.Host, got.String(), got.same(w.answers[i]), "the tenant's own answer")
	}
}

// severed is attack 13 with connections that die while they are in use.
func (c *campaign) severed(ctx context.Context, w *watch) error {
	const name = "connections to the database that die in the middle"
	sever := c.Sever
	if sever == nil {
		if c.OwnerURL == "" || c.RuntimeURL == "" {
			c.skip(13, name, "needs the connection strings of both roles: Target.RuntimeURL and Target.OwnerURL")
			return nil
		}
		conn, err := c.asOwner(ctx)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // Nothing is open in it.
		sever = func(ctx context.Context) (n int, err error) {
			return n, conn.QueryRow(ctx, SeverSQL, c.runtimeRole()).Scan(&n)
		}
	}
	ended, err := sever(ctx)
	if err != nil {
		c.skip(13, name, "the owner role may not end the runtime role's connections")
		return nil
	}
	c.severedWhile(ctx, w, name, ended, sever)
	w.remain(ctx, 13, "the tenants after connections have died")
	return nil
}

// SeverSQL ends the connections of a role to this database, and counts them.
const SeverSQL = `SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
	WHERE usename = $1 AND datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()`

func (c *campaign) severedWhile(ctx context.Context, w *watch, name string, ended int, sever func(context.Context) (int, error)) {
	done := make(chan tally, 1)
	go func() { done <- w.turns(ctx, w.patient) }()
	for {
		select {
		case got := <-done:
			c.judgeAll(13, name, fmt.Sprintf("%s ended, %s", plural(ended, "connection", "connections"), w.sent()), got, ended > 0)
			return
		case <-time.After(50 * time.Millisecond):
			n, err := sever(ctx)
			if err == nil {
				ended += n
			}
		}
	}
}
