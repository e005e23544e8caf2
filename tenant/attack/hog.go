package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	// halves is how many requests are begun and not ended.
	halves = 64
	// mostItems is what a page may hold, however many were asked for.
	mostItems = 10000
)

// hogs is attack 38 over HTTP: A's requests that never end, or ask for too much,
// keep nobody else waiting.
func (c *campaign) hogs(ctx context.Context) error {
	w, why := c.watch(ctx)
	if why != "" {
		c.skip(38, "requests of A's that never end", why)
		return nil
	}
	at, err := url.Parse(c.URL)
	if err != nil {
		return fmt.Errorf("read the service's URL: %w", err)
	}
	post := c.doc.withBody()
	for _, half := range []struct{ name, text string }{
		{"requests of A's whose headers never end", "GET " + c.witness.target(nil) + " HTTP/1.1\nHost: " + c.A.Host + "\n"},
		{"requests of A's whose bodies never end", post.begin(c.A)},
	} {
		if half.text == "" {
			continue // No operation takes a body.
		}
		held := c.hold(ctx, at, half.text)
		got, _ := w.ask(ctx, 1)
		c.judge(38, half.name, fmt.Sprint(len(held), " of them, and ", c.witness, " at ", c.B.Host), got.String(), got.same(w.answers[1]), "B's own answer")
		for _, conn := range held {
			_ = conn.Close() // The service may have closed it.
		}
	}
	c.tooMuch(ctx, post)
	return nil
}

// tooMuch asks for a page and announces a body that nobody should have to hold.
func (c *campaign) tooMuch(ctx context.Context, post *operation) {
	for _, op := range c.doc.operations {
		limit := op.param(openapi3.ParameterInQuery, "limit")
		if op.method != http.MethodGet || !op.secured || !op.tenants || limit == nil || len(op.pathParams()) > 0 {
			continue
		}
		got := c.send(ctx, request{path: op.withQuery(limit.Name, "2000000000"), host: c.A.Host, token: c.A.Token})
		safe := got.is(400, 422) || got.is(http.StatusOK) && len(items(got.body)) <= mostItems
		c.judgeAt(op, 38, "a page of two thousand million", op.String(), got.String(), safe, "400")
	}
	if text := post.begin(c.A); text != "" {
		got := c.raw(ctx, strings.Replace(text, "Content-Length: 4096", "Content-Length: 1099511627776", 1))
		c.judgeAt(post, 38, "a body of a terabyte", post.String(), got.String(), got.is(400, 411, 413), "413, before it comes")
	}
}

// hold begins requests and leaves them.
func (c *campaign) hold(ctx context.Context, at *url.URL, text string) []net.Conn {
	var held []net.Conn
	for range halves {
		conn, err := c.dial(ctx, at)
		if err != nil {
			break // The service takes no more of them, which is fine.
		}
		held = append(held, conn)
		if _, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
			break
		}
	}
	return held
}

// withBody is an operation of a tenant's that takes a body; nil if there is none.
func (d *document) withBody() *operation {
	for _, op := range d.operations {
		if op.secured && op.tenants && op.body != nil && len(op.pathParams()) == 0 {
			return op
		}
	}
	return nil
}

// begin is the start of a request whose body does not end.
func (o *operation) begin(p Party) string {
	if o == nil {
		return ""
	}
	return o.method + " " + o.target(nil) + " HTTP/1.1\nHost: " + p.Host + "\nAuthorization: Bearer " + p.Token +
		"\nContent-Type: " + o.bodyType + "\nContent-Length: 4096\n\n{"
}
