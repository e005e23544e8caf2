package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// renames is how often a tenant gets another name; the last one is that of before.
	renames = 20
	// pauses is how often a tenant is suspended and resumed.
	pauses = 5
	// fewestWrites and mostWrites bound what is written during one of these.
	fewestWrites, mostWrites = 5, 200
)

// moved is attack 34: a tenant is renamed, suspended and offboarded, and comes
// back, while its members read and write. It is the spare one, or else the new one.
// Offboarded is only the new one, whose tokens are dead after that.
func (b *nursery) moved(ctx context.Context, id string) {
	const name = "requests while a tenant is "
	mine := &unrest{nursery: b, id: id, token: b.member(id), slugs: [2]string{b.slug, b.slug + "-b"}}
	u := mine
	if b.Spare.Token != "" && b.Spare.Host != "" {
		slug, _, _ := strings.Cut(b.Spare.Host, ".")
		u = &unrest{nursery: b, token: b.Spare.Token, slugs: [2]string{slug, b.slug + "-b"}}
		u.id = b.operate(ctx, http.MethodGet, "/v1/tenants/"+slug, "").field("id")
	}
	if u.begin(ctx) {
		u.trial(ctx, name+"renamed", renames, func(i int) answer { return u.does(ctx, "rename", named(u.slugs[(i+1)%2])) })
		u.trial(ctx, name+"suspended and resumed", 2*pauses, func(i int) answer { return u.does(ctx, [...]string{"suspend", "resume"}[i%2], reason) })
	} else {
		b.skip(34, name+"renamed, suspended and resumed", "needs a spare tenant, Target.Spare.Host and Target.Spare.Token; what there is answers "+u.own.String())
	}
	if mine.begin(ctx) {
		mine.trial(ctx, name+"offboarded and restored", 2, func(i int) answer { return mine.does(ctx, [...]string{"offboard", "restore"}[i%2], reason) })
	} else {
		b.skip(34, name+"offboarded and restored", "needs a token of the new tenant's owner, Target.Sign; there is the answer "+mine.own.String())
	}
}

const reason = `{"reason":"attack suite"}`

// unrest is a tenant that is asked for by two names, and written to, while
// something is done to it.
type unrest struct {
	*nursery

	id, token string
	slugs     [2]string
	own       answer
	// post makes something; nil where nothing can be made from the document alone.
	post *operation
	// last is the number in what was made last.
	last int
}

// begin tells whether the tenant is served in the first place.
func (u *unrest) begin(ctx context.Context) bool {
	if u.own = u.ask(ctx, 0); u.token == "" || u.own.status != http.StatusOK {
		return false
	}
	u.last = int(time.Now().UnixNano() % 1e9)
	for _, op := range u.doc.operations {
		if op.method != http.MethodPost || !op.secured || !op.tenants || op.body == nil || op.body.Schema == nil || len(op.pathParams()) > 0 {
			continue
		}
		if _, first := u.write(ctx, op, 0); first != "" && u.there(ctx, first) {
			_, second := u.write(ctx, op, 0)
			if second != "" && second != first && u.there(ctx, second) && u.ask(ctx, 0).same(u.own) {
				u.post = op
				break
			}
		}
	}
	return true
}

func (u *unrest) does(ctx context.Context, what, body string) answer {
	return u.operate(ctx, http.MethodPost, "/v1/tenants/"+u.id+"/"+what, body)
}

func (u *unrest) ask(ctx context.Context, i int) answer { return u.get(ctx, i, u.witness.target(nil)) }

func (u *unrest) get(ctx context.Context, i int, path string) answer {
	return u.sendTo(ctx, u.URL, request{path: path, host: u.host(u.slugs[i%2]), token: u.token})
}

// write makes something, and gives the path at which it then has to be; empty
// where it was not acknowledged.
func (u *unrest) write(ctx context.Context, op *operation, i int) (got answer, path string) {
	u.last++
	r := request{
		method: op.method, path: op.target(nil), host: u.host(u.slugs[i%2]), token: u.token,
		header: op.header(), body: encode(sample(op.body.Schema.Value, u.last)),
	}
	r.header.Set("Idempotency-Key", fmt.Sprint("attack-", u.last))
	got = u.sendTo(ctx, u.URL, r)
	if id := got.property("id"); got.status == http.StatusCreated && id != nil {
		path = op.path + "/" + textOf(id)
	}
	return got, path
}

func (u *unrest) there(ctx context.Context, path string) bool {
	return u.soon(ctx, func() answer { return u.get(ctx, 0, path) }, http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed).status == http.StatusOK
}

// trial does something to the tenant, in several steps, while requests go on, and
// judges their answers and whether what was acknowledged is there.
func (u *unrest) trial(ctx context.Context, name string, steps int, step func(i int) answer) {
	said, asked, served, made := u.run(ctx, steps, step)
	after := u.back(ctx)
	if !after.same(u.own) {
		said += ", and after that: " + after.String()
	}
	lost := 0
	for _, path := range made {
		if !u.there(ctx, path) {
			lost++
		}
	}
	if lost > 0 {
		said += fmt.Sprintf(", %d of the acknowledged writes are lost", lost)
	}
	u.judge(34, name, fmt.Sprintf("%d steps, %s", steps, plural(asked, "request", "requests")),
		fmt.Sprintf("%s, %d served, %s acknowledged", said, served, plural(len(made), "write", "writes")), said == "done",
		"the tenant's own answer, 403, 404, or 503 with Retry-After; what was acknowledged is there")
	if u.post == nil {
		u.skip(34, "writes at that time", "nothing that has a path of its own can be made from the document alone")
	}
}

// ahead are how much later than now, in seconds, a token may have been issued, as
// services let clocks differ: of one who was offboarded only those count that were
// issued later than that by any clock.
var ahead = []int{0, 1, 5, 10, 30, 60, 120, 300}

// back is the tenant's answer once it is served again, to a token that is still
// good or to a new one.
func (u *unrest) back(ctx context.Context) answer {
	before, n := u.token, 0
	return u.soon(ctx, func() answer {
		u.token = before
		if got := u.ask(ctx, 0); got.status == http.StatusOK {
			return got
		}
		if fresh := u.issued(u.id, time.Now().Add(time.Duration(ahead[n%len(ahead)])*time.Second)); fresh != "" {
			u.token = fresh
		}
		n++
		return u.ask(ctx, 0)
	}, http.StatusOK)
}

// run says what went wrong, or that it is done.
func (u *unrest) run(ctx context.Context, steps int, step func(i int) answer) (said string, asked, served int, made []string) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var wait sync.WaitGroup
	var read, written string
	wait.Go(func() {
		for ; asking.Err() == nil; asked++ {
			if got := u.ask(ctx, asked); got.same(u.own) {
				served++
			} else if !got.refuses() {
				read = ", an answer is " + got.String()
			}
		}
	})
	wait.Go(func() {
		for i := 0; u.post != nil && len(made) < mostWrites && (asking.Err() == nil || len(made) < fewestWrites && i < mostWrites); i++ {
			if got, path := u.write(ctx, u.post, i); path != "" {
				made = append(made, path)
			} else if !got.refuses() && !got.is(http.StatusTooManyRequests) {
				written = ", the answer to a write is " + got.String()
			}
		}
	})
	said = "done"
	for i := range steps {
		if got := step(i); got.status != http.StatusOK {
			said = "not done: " + got.String()
		}
	}
	stop()
	wait.Wait()
	return said + read + written, asked, served, made
}

// refuses tells whether an answer is one to a tenant that is not there now.
func (a answer) refuses() bool {
	return a.is(http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound) ||
		a.is(http.StatusServiceUnavailable) && a.header.Get("Retry-After") != ""
}
