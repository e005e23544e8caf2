package attack

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// secrets are what no answer may hold.
var secrets = map[string]*regexp.Regexp{
	"SQL or its errors":           regexp.MustCompile(`SQLSTATE|\bpgx\b|\bpgconn\b|syntax error at or near|relation "[^"]+" does not exist|violates (unique|foreign key|check) constraint`),
	"a tenant's schema":           regexp.MustCompile(`\bt_[0-9a-f]{32}\b`),
	"a stack trace":               regexp.MustCompile(`goroutine \d+ \[|\.go:\d+\b|runtime error:`),
	"a connection string":         regexp.MustCompile(`postgres(ql)?://[^"\s]+`),
	"a bearer token sent by hand": regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ`),
}

// leaks is attack 41, over all that came back so far.
func (c *campaign) leaks(context.Context) error {
	for _, name := range sorted(secrets) {
		found := 0
		for _, e := range c.seen {
			if strings.HasPrefix(e.request.path, "/openapi") {
				continue
			}
			if hit := secrets[name].FindString(e.answer.body); hit != "" {
				found++
				c.judge(41, "answers hold "+name, e.request.String(), hit, false, "no such thing in an answer")
			}
		}
		if found == 0 {
			c.judge(41, "answers hold "+name, plural(len(c.seen), "answer", "answers"), "none does", true, "")
		}
	}
	broken := 0
	for _, e := range c.seen {
		if e.answer.status >= 500 && e.answer.status != 503 {
			broken++
			c.judge(41, "an attack breaks the service", e.request.String(), e.answer.String(), false, "no status of 500")
		}
	}
	if broken == 0 {
		c.judge(41, "an attack breaks the service", plural(len(c.seen), "answer", "answers"), "no status of 500", true, "")
	}
	c.theirWords(c.theirs.body)
	return c.logged()
}

// logged is attack 41 in what the service has logged of all this.
func (c *campaign) logged() error {
	const name = "the service's log holds "
	if c.Log == nil {
		c.skip(41, name+"secrets", "needs the service's log: Target.Log")
		return nil
	}
	log, err := c.readLog()
	if err != nil {
		return fmt.Errorf("read the service's log: %w", err)
	}
	if log == nil {
		c.skip(41, name+"secrets", "the log has none of the requests of these attacks: is Target.Log that of this service, at level info?")
		return nil
	}
	for _, s := range []struct{ name, secret string }{
		{"A's token", c.A.Token}, {"B's token", c.B.Token}, {"B's API key", c.B.Key}, {"A's revoked key", c.A.RevokedKey},
		{"the token of no member", c.A.Removed}, {"the token without permissions", c.A.Limited},
		{"the operator's key", c.OperatorKey}, {"the runtime role's password", password(c.RuntimeURL)}, {"the owner role's password", password(c.OwnerURL)},
	} {
		if s.secret == "" {
			continue
		}
		got := "it does not"
		if bytes.Contains(log, []byte(s.secret)) {
			got = "it does"
		}
		c.judge(41, name+s.name, plural(bytes.Count(log, []byte("\n")), "line", "lines"), got, got == "it does not", "no secret in the log")
	}
	return nil
}

// readLog reads the log as soon as it has some of what was sent; nil means that it
// has nothing of it. A service may write a line later than its answer.
func (c *campaign) readLog() ([]byte, error) {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		log, err := c.Log()
		switch {
		case err != nil:
			return nil, err
		case c.isOfThis(log):
			return log, nil
		case time.Since(begun) > c.Reaction:
			return nil, nil
		}
	}
}

// isOfThis tells whether a log has a request of this run: by its id where answers
// have one, or else by the path of the witness.
func (c *campaign) isOfThis(log []byte) bool {
	named := false
	for _, e := range c.seen {
		id := e.answer.header.Get("X-Request-ID")
		if named = named || id != ""; id != "" && bytes.Contains(log, []byte(id)) {
			return true
		}
	}
	return !named && bytes.Contains(log, []byte(c.witness.path))
}

// password is that of a connection string; empty if it has none.
func password(of string) string {
	if of == "" {
		return ""
	}
	config, err := pgx.ParseConfig(of)
	if err != nil {
		return ""
	}
	return config.Password
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// theirWords looks for B's ids in what A was answered, but for those that A sent.
func (c *campaign) theirWords(body string) {
	own := c.own.body
	for _, id := range ids.FindAllString(body, -1) {
		if strings.Contains(own, id) {
			continue
		}
		for _, e := range c.seen {
			if e.request.host == c.A.Host && e.request.token == c.A.Token && strings.Contains(e.answer.body, id) && !strings.Contains(e.request.path+e.request.body, id) {
				c.judge(41, "answers to A hold an id of B's", e.request.String(), id, false, "nothing of B's")
				return
			}
		}
	}
	c.judge(41, "answers to A hold an id of B's", "all of A's requests", "none does", true, "")
}
