package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// foreignKeys is attack 28: a cursor and an idempotency key of B's mean nothing at A.
func (c *campaign) foreignKeys(ctx context.Context) error {
	cursors, keys := 0, 0
	for _, op := range c.doc.operations {
		switch {
		case !op.secured || !op.tenants || len(op.pathParams()) > 0:
		case op.method == http.MethodGet && op.param(openapi3.ParameterInQuery, "cursor") != nil:
			cursors += c.cursor(ctx, op)
		case op.method == http.MethodPost && op.param(openapi3.ParameterInHeader, "Idempotency-Key") != nil:
			keys += c.idempotencyKey(ctx, op)
		}
	}
	if cursors == 0 {
		c.skip(28, "a cursor of B's at A", "no list of the document gave B a cursor")
	}
	if keys == 0 {
		c.skip(28, "an idempotency key of B's at A", "no POST with an Idempotency-Key could be made from the document alone")
	}
	return nil
}

func (c *campaign) cursor(ctx context.Context, op *operation) int {
	path := op.target(nil)
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	page := c.send(ctx, request{path: path + separator + "limit=1", host: c.B.Host, token: c.B.Token})
	var next struct {
		Cursor string `json:"next_cursor"`
	}
	if json.Unmarshal([]byte(page.body), &next) != nil || next.Cursor == "" {
		return 0
	}
	r := request{path: path + separator + "limit=1&cursor=" + next.Cursor, host: c.B.Host, token: c.B.Token}
	if control := c.send(ctx, r); control.status != http.StatusOK {
		return 0
	}
	r.host, r.token = c.A.Host, c.A.Token
	got := c.send(ctx, r)
	c.judgeAt(op, 28, "a cursor of B's at A", op.String(), got.String(), got.is(http.StatusBadRequest), "400")
	return 1
}

// idempotencyKey makes something at B and sends the same at A, and for another
// member of B: neither may get B's answer back.
func (c *campaign) idempotencyKey(ctx context.Context, op *operation) int {
	key := fmt.Sprintf("attack-%d", time.Now().UnixNano())
	r := op.call(c.B.Host, c.B.Token)
	r.header.Set("Idempotency-Key", key)
	r.body = op.content(int(time.Now().UnixNano() % 1e9))
	made := c.send(ctx, r)
	if again := c.send(ctx, r); made.status >= 300 || again.header.Get("Idempotency-Replayed") == "" {
		return 0
	}
	r.host, r.token = c.A.Host, c.A.Token
	got := c.send(ctx, r)
	safe := got.header.Get("Idempotency-Replayed") == "" && got.body != made.body && got.status != http.StatusConflict
	c.judgeKey(op, "an idempotency key of B's at A", got, safe, "an answer of A's own: a key is its tenant's")
	if c.Sign == nil {
		return 1
	}
	if other, err := c.otherSubject(); err == nil {
		r.host, r.token = c.B.Host, other
		got = c.send(ctx, r)
		safe = got.header.Get("Idempotency-Replayed") == "" && got.body != made.body
		c.judgeKey(op, "an idempotency key of another member's", got, safe, "an answer of one's own: a key is its member's")
	}
	return 1
}

// judgeKey judges an answer that must not be the remembered one. None at all is not.
func (c *campaign) judgeKey(op *operation, name string, got answer, safe bool, want string) {
	if got.mute() {
		c.skipAt(op, 28, name, op.String()+" is not answered, but by "+got.String())
		return
	}
	c.judgeAt(op, 28, name, op.String(), got.String(), safe, want)
}

// otherSubject is a token of B for somebody else.
func (c *campaign) otherSubject() (string, error) {
	_, claims, _ := parts(c.B.Token)
	return c.Sign(with(claims, "sub", "somebody-else@example.org"))
}
