package attack

import (
	"context"
	"net/http"
	"strings"
)

const (
	wantSame     = "the answer of the tenant that the host names, or 400, 403, 404, 421"
	wantRefused  = "400, 403, 404 or 421"
	wantNotFound = "the same as for a host that no tenant has, 403 with a token"
)

// forwarding are headers by which proxies say which host was asked for.
var forwarding = map[string]string{
	"X-Forwarded-Host": "%", "X-Host": "%", "X-Original-Host": "%", "X-Forwarded-Server": "%",
	"X-Http-Host-Override": "%", "X-Original-Url": "http://%/", "X-Rewrite-Url": "http://%/", "Forwarded": "host=%",
}

// spoofedHosts is attack 1. The suite's own address must be none of a configured proxy.
func (c *campaign) spoofedHosts(ctx context.Context) error {
	path := c.witness.target(nil)
	for _, name := range sorted(forwarding) {
		header := http.Header{name: {strings.ReplaceAll(forwarding[name], "%", c.B.Host)}}
		r := request{path: path, host: c.A.Host, token: c.A.Token, header: header}
		got := c.send(ctx, r)
		c.judge(1, "A's request, "+name+" names B", r.String(), got.String(), got.same(c.own) || got.is(400, 421), "A's own answer, or 400, 421: the header has no say")
		r.token = c.B.Token
		got = c.send(ctx, r)
		c.judge(1, "B's token at A's host, "+name+" names B", r.String(), got.String(), got.is(400, 403, 421), "400, 403 or 421")
	}
	for _, raw := range []struct{ name, text string }{
		{"two Host headers", "GET {path} HTTP/1.1\nHost: {a}\nHost: {b}\n{auth}"},
		{"no Host header", "GET {path} HTTP/1.1\n{auth}"},
		{"no host in HTTP/1.0", "GET {path} HTTP/1.0\n{auth}"},
		{"a folded Host header", "GET {path} HTTP/1.1\nHost: {a}\n {b}\n{auth}"},
		{"two hosts in one header", "GET {path} HTTP/1.1\nHost: {a}, {b}\n{auth}"},
		{"absolute form", "GET http://{b}{path} HTTP/1.1\nHost: {a}\n{auth}"},
		{"absolute form with user info", "GET http://{a}@{b}{path} HTTP/1.1\nHost: {a}\n{auth}"},
	} {
		for _, token := range []struct{ of, text string }{{"A's", c.A.Token}, {"B's", c.B.Token}} {
			auth := "Authorization: Bearer " + token.text + "\nConnection: close\n\n"
			text := strings.NewReplacer("{path}", path, "{a}", c.A.Host, "{b}", c.B.Host, "{auth}", auth).Replace(raw.text)
			got := c.raw(ctx, text)
			sent := strings.ReplaceAll(text, auth, token.of+" token")
			c.judge(1, raw.name, sent, got.String(), got.is(400, 403, 404, 421), wantRefused)
		}
	}
	return nil
}

// hostForms is attack 2: another spelling is the same host, everything else is no host.
func (c *campaign) hostForms(ctx context.Context) error {
	name, port, _ := strings.Cut(c.A.Host, ":")
	if port != "" {
		port = ":" + port
	}
	label, base, _ := strings.Cut(name, ".")
	nobody := c.send(ctx, request{path: c.witness.target(nil), host: "nobody-here." + base + port, token: c.A.Token})
	c.judge(2, "a host that no tenant has", "nobody-here."+base, nobody.String(), nobody.is(403, 404), "403 or 404")
	for _, host := range []string{strings.ToUpper(name) + port, name + "." + port, name + ":8443", strings.ToUpper(label) + "." + base + ".:80"} {
		got := c.send(ctx, request{path: c.witness.target(nil), host: host, token: c.A.Token})
		c.judge(2, "another spelling of A's host", host, got.String(), got.same(c.own) || got.is(400, 403, 404, 421), wantSame)
		got = c.send(ctx, request{path: c.witness.target(nil), host: host, token: c.B.Token})
		c.judge(2, "another spelling of A's host, B's token", host, got.String(), got.is(400, 403, 404, 421), wantRefused)
	}
	for _, host := range []string{
		"x." + name + port, name + ".evil.example", name + "evil", "127.0.0.1", "[::1]", "2130706433", "0x7f.1",
		"xn--" + label + "-." + base, strings.Replace(name, "a", "\u0430", 1), label + "%2e" + base, label + "_." + base, "-" + name, label + ".." + base,
		"user@" + name, name + ":0", name + ":99999", name + "/", name + "#x", "*." + base, strings.Repeat("a", 64) + "." + base,
	} {
		got := c.send(ctx, request{path: c.witness.target(nil), host: host, token: c.A.Token})
		c.judge(2, "no host of a tenant", host, got.String(), got.err != nil || got.is(400, 403, 404, 421), wantNotFound)
	}
	return nil
}

// namedByClient is attack 3: a client does not choose its tenant.
func (c *campaign) namedByClient(ctx context.Context) error {
	slug, _, _ := strings.Cut(c.B.Host, ".")
	values := []string{slug, c.B.Host}
	if id := c.tenantOf(c.B); id != "" {
		values = append(values, id)
	}
	for _, value := range values {
		for _, name := range []string{"X-Tenant", "X-Tenant-Id", "X-Tenant-Slug", "X-Org-Id", "X-Scope-Orgid", "Tenant", "X-Bailiwick-Tenant"} {
			c.named(ctx, name+" names B", "", http.Header{name: {value}})
		}
		c.named(ctx, "a query parameter names B", "tenant="+value+"&tenant_id="+value+"&host="+value, nil)
		c.named(ctx, "a cookie names B", "", http.Header{"Cookie": {"tenant=" + value + "; tenant_id=" + value}})
	}
	return nil
}

func (c *campaign) named(ctx context.Context, name, query string, header http.Header) {
	r := request{path: c.witness.target(nil), host: c.A.Host, token: c.A.Token, header: header}
	if query != "" {
		r.path += "?" + query
	}
	got := c.send(ctx, r)
	c.judge(3, name, r.String(), got.String(), got.same(c.own) || got.is(400), "A's own answer: what a client says has no say")
	r.token = c.B.Token
	got = c.send(ctx, r)
	c.judge(3, name+", with B's token", r.String(), got.String(), got.is(400, 403), "403: the host is A's")
}
