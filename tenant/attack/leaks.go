package attack

import (
	"context"
	"regexp"
	"strings"
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
	return nil
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
