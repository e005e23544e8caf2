package attack

import (
	"context"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// badSlugs are names that must not become a tenant's.
var badSlugs = map[int][]string{
	8:  {`a"b`, "a'b", "a;b", "a\x00b", "a\nb", "a,b", "a b", "a/b", `a\b`, "a%62", "a.b", "*", ""},
	9:  {"pg_x", "PG_x", "pg_catalog", "public", "information_schema", "$user", "postgres"},
	10: {strings.Repeat("a", 64), strings.Repeat("a", 63) + "b", strings.Repeat("ä", 20), strings.Repeat("a", 41)},
	11: {"Acme", "ACME", "аcme", "ａcme", "\u212aite", "xn--cme-5cd", "a\u00adcme", "acme\u200b", "a_b"},
}

// slugs are attacks 8 to 11: no such name is made, in the library that this
// program is built with, and no host with it is a tenant's.
func (c *campaign) slugs(ctx context.Context) error {
	_, base, _ := strings.Cut(c.A.Host, ".")
	for _, number := range []int{8, 9, 10, 11} {
		for _, slug := range badSlugs[number] {
			_, err := tenant.ParseSlug(slug)
			got := "accepted"
			if err != nil {
				got = "refused"
			}
			c.judge(number, "a tenant's name", slug, got, err != nil, "refused when it is made")
			if !sendable(slug) {
				continue
			}
			answer := c.send(ctx, request{path: c.witness.target(nil), host: slug + "." + base, token: c.A.Token})
			safe := answer.err != nil || answer.is(400, 403, 404, 421) || strings.EqualFold(slug+"."+base, c.A.Host)
			c.judge(number, "a host with such a name", slug+"."+base, answer.String(), safe, wantNotFound)
		}
	}
	return nil
}

// sendable tells whether Go's client puts a text into a Host header as it is.
func sendable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"/\%`, r) {
			return false
		}
	}
	return s != ""
}
