package attack

import (
	"context"
	"net/http"
	"strings"
)

// call is a request of an operation; its parameters name nothing that exists.
func (o *operation) call(host, token string) request {
	return request{method: o.method, path: o.target(nil), host: host, token: token, header: o.header(), body: o.content(0)}
}

// operations derives from the document, for each operation that wants a
// credential, what must refuse: nobody, garbage, the other tenant's token (4), and
// a member who lacks the permission (6).
func (c *campaign) operations(ctx context.Context) error {
	var open []string
	for _, op := range c.doc.operations {
		if !op.secured {
			open = append(open, op.String())
			continue
		}
		for _, try := range []struct {
			attack            int
			name, host, token string
			status            int
		}{
			{5, "an operation without a token", c.A.Host, "", http.StatusUnauthorized},
			{5, "an operation with a token that is none", c.A.Host, "eyJhbGciOiJub25lIn0.e30.", http.StatusUnauthorized},
			{4, "an operation with B's token at A's host", c.A.Host, c.B.Token, http.StatusForbidden},
			{4, "an operation with A's token at B's host", c.B.Host, c.A.Token, http.StatusForbidden},
		} {
			if !op.tenants && try.attack == 4 {
				continue // It has nothing of a tenant's, whose token it may take.
			}
			got := c.send(ctx, op.call(try.host, try.token))
			c.judgeAt(op, try.attack, try.name, op.String(), got.String(), got.is(try.status), http.StatusText(try.status))
		}
		c.permission(ctx, op)
	}
	if len(open) > 0 {
		c.skip(5, "operations without a token", "by the document anybody may: "+strings.Join(open, ", "))
	}
	return nil
}

// permission sends an operation as a member without permissions. The body comes
// too, but must not matter: who may not is told before it is read.
func (c *campaign) permission(ctx context.Context, op *operation) {
	const name = "an operation without its permission"
	switch {
	case len(op.permissions) == 0:
		return
	case c.A.Limited == "":
		c.skipAt(op, 6, name, "needs a token of a member without permissions: Target.A.Limited")
		return
	}
	got := c.send(ctx, op.call(c.A.Host, c.A.Limited))
	c.judgeAt(op, 6, name, op.String()+" needs "+strings.Join(op.permissions, ", "), got.String(), got.is(http.StatusForbidden), "403")
}

// strangers is attack 25: hosts are not told apart by who has no business there.
func (c *campaign) strangers(ctx context.Context) error {
	_, base, _ := strings.Cut(c.B.Host, ".")
	nobody := "nobody-here." + base
	for _, op := range c.doc.operations {
		if !op.secured || !op.tenants || op.method != http.MethodGet {
			continue
		}
		for _, who := range []struct{ name, token string }{{"without a token", ""}, {"with A's token", c.A.Token}, {"with garbage", "x.y.z"}} {
			there, not := c.send(ctx, op.call(c.B.Host, who.token)), c.send(ctx, op.call(nobody, who.token))
			c.judgeAlike(op, Result{Attack: 25, Case: "B's host and nobody's, " + who.name, Sent: op.String(), Want: "the same status and body"},
				there, not, there.same(not), http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
		}
	}
	return nil
}

// signUp is attack 25 where people sign up: the answer does not tell whether a
// tenant's name is taken.
func (c *campaign) signUp(ctx context.Context) error {
	tried, why := false, "nobody can sign up without a credential"
	taken, _, _ := strings.Cut(c.B.Host, ".")
	for _, op := range c.doc.operations {
		slug := op.property("slug")
		if op.secured || op.method != http.MethodPost || slug == nil {
			continue
		}
		_, base, _ := strings.Cut(c.A.Host, ".")
		ask := func(name string) answer {
			r := op.call(base, "")
			r.body = op.contentWith("slug", name, slug)
			return c.send(ctx, r)
		}
		is, free := ask(taken), ask("attack-is-free")
		if is.status >= 300 && is.same(free) {
			why = op.String() + " takes none: " + is.String()
			continue
		}
		if free.mute() || is.mute() && !is.is(http.StatusTooManyRequests) {
			why = op.String() + " has begun to limit requests in between, or to fail: try again later"
			continue
		}
		tried = true
		got := is.String()
		if !is.same(free) {
			got = "taken: " + got + ", free: " + free.String()
		}
		c.judgeAt(op, 25, "a sign-up with B's name and with a free one", op.String(), got, is.same(free), "the same status and body")
	}
	if !tried {
		c.skip(25, "a sign-up with B's name and with a free one", why)
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return textOf(n) + " " + many
}
