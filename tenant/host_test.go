package tenant_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

func TestParseSlug(t *testing.T) {
	t.Parallel()
	for _, slug := range []string{"a", "7a", "0xg", "1-2", "3com", "acme", "a-b", "acme-2", "a--b", strings.Repeat("a", 40)} {
		got, err := tenant.ParseSlug(slug)
		if err != nil || got != slug {
			t.Errorf("ParseSlug(%q) = %q, %v", slug, got, err)
		}
	}
	refused := []string{
		"", " ", "Acme", "ACME", "-a", "a-", "a_b", "a.b", "a b", "a\tb", "a\nb", "a\x00b", "a,b",
		`a"b`, "a'b", "a;b", "a/b", `a\b`, "a%62", "$user", "ä", "аcme", "ａcme", "K", "xn--mnchen-3ya", "ab--c",
		"pg_x", "PG_x", "pg_catalog", "public", "information_schema", "localhost", "www", "api", "admin",
		"1", "7", "127", "2130706433", "0x", "0x7f", "0xdeadbeef", "00",
		strings.Repeat("a", 41), strings.Repeat("a", 64), strings.Repeat("ä", 20),
	}
	for _, slug := range refused {
		if got, err := tenant.ParseSlug(slug); tenant.CodeOf(err) != tenant.CodeInvalid || got != "" {
			t.Errorf("ParseSlug(%q) = %q, %v; want %s", slug, got, err, tenant.CodeInvalid)
		}
	}
}

func TestCanonicalHost(t *testing.T) {
	t.Parallel()
	accepted := map[string]string{
		"acme.localhost":               "acme.localhost",
		"ACME.LocalHost":               "acme.localhost",
		"acme.localhost.":              "acme.localhost",
		"acme.localhost:8080":          "acme.localhost",
		"Acme.Localhost.:8080":         "acme.localhost",
		"localhost":                    "localhost",
		"xn--mnchen-3ya.example":       "xn--mnchen-3ya.example",
		"3com.example":                 "3com.example",
		"0xacme.example":               "0xacme.example",
		longHost(63, 63, 63, 61):       longHost(63, 63, 63, 61),
		longHost(63, 63, 63, 61) + ".": longHost(63, 63, 63, 61),
	}
	for host, want := range accepted {
		if got, err := tenant.CanonicalHost(host); err != nil || got != want {
			t.Errorf("CanonicalHost(%q) = %q, %v; want %q", host, got, err, want)
		}
	}
	refused := []string{
		"", ".", "..", ".acme", "acme..", "acme..localhost", "acme.localhost..", "a..b.c",
		"127.0.0.1", "127.0.0.1:8080", "127.0.0.1.", "127.1", "2130706433", "0x7f.1", "0x7f000001", "a.0x",
		"::1", "[::1]", "[::1]:8080", "[acme.localhost]:8080", "fe80::1%eth0",
		"user@acme.localhost", "user:pw@acme.localhost", "http://acme.localhost", "acme.localhost/", "acme.localhost#x",
		"acme.localhost:", "acme.localhost:0", "acme.localhost:65536", "acme.localhost:80a", "acme.localhost:+80",
		"acme.localhost:80:80", "acme.localhost: 80", " acme.localhost", "acme.localhost ", "acme.localhost\r\n",
		"acme\x00.localhost", "acme\t.localhost", "acme\u00ad.localhost", "acme%2elocalhost", "acme,globex.localhost",
		"münchen.example", "аcme.localhost", "acme。localhost", "\u212aite.localhost", "\xff.localhost",
		"ac_me.localhost", "-acme.localhost", "acme-.localhost", "*.localhost",
		strings.Repeat("a", 64) + ".localhost", longHost(63, 63, 63, 62),
	}
	for _, host := range refused {
		if got, err := tenant.CanonicalHost(host); tenant.CodeOf(err) != tenant.CodeInvalid || got != "" {
			t.Errorf("CanonicalHost(%q) = %q, %v; want %s", host, got, err, tenant.CodeInvalid)
		}
	}
}

// slugAt is the slug that a host below app.example names.
func slugAt(host string) (string, error) {
	name, err := tenant.Hosts{Base: "app.example"}.Subdomain().Resolve(&http.Request{Host: host, URL: &url.URL{}})
	if err != nil {
		return "", err
	}
	return tenant.ParseSlug(name.Slug)
}

func TestSlugsOfHosts(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"acme.app.example", "ACME.app.example", "acme.APP.example.:443", "acme.app.example."} {
		if got, err := slugAt(host); err != nil || got != "acme" {
			t.Errorf("%q names %q, %v; want acme", host, got, err)
		}
	}
	for _, host := range []string{
		"app.example", "example", "a.b.app.example", "acme.app.example.evil", "acmeapp.example", "acme.example",
		".app.example", "www.app.example", "ac_me.app.example", "xn--80ak6aa92e.app.example", "127.0.0.1", "",
		strings.Repeat("a", 41) + ".app.example", "acme.app.example@evil", "evil@acme.app.example",
	} {
		if got, err := slugAt(host); err == nil || got != "" {
			t.Errorf("%q names %q", host, got)
		}
	}
}

// hostForm and slugForm say in other words what hosts and slugs are.
var (
	hostForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	slugForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	idForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	number   = regexp.MustCompile(`^([0-9]*|0x[0-9a-f]*)$`)
	portForm = regexp.MustCompile(`^([^:]*):0*([1-9][0-9]{0,4})$`)
)

// isHost tells whether a host is one, in its canonical form.
func isHost(host string) bool {
	return len(host) <= 253 && hostForm.MatchString(host) && !number.MatchString(host[strings.LastIndexByte(host, '.')+1:])
}

// respelt is a name with another case, by the bits of a number.
func respelt(name string, bits uint64) string {
	text := []byte(name)
	for i, c := range text {
		if c >= 'a' && c <= 'z' && bits>>(i%64)&1 == 1 {
			text[i] = c - 'a' + 'A'
		}
	}
	return string(text)
}

// FuzzCanonicalHost: a host is taken when it is one and only then, all spellings
// of one host have one form, and no form is that of two.
func FuzzCanonicalHost(f *testing.F) {
	for _, host := range []string{"acme.localhost", "ACME.localhost.:80", "[::1]:1", "a..b", "\u212a.b", "0x7f.1", "a:b@c"} {
		f.Add(host, uint64(0xaaaa), uint16(8080))
	}
	f.Fuzz(func(t *testing.T, host string, bits uint64, port uint16) {
		name, err := tenant.CanonicalHost(host)
		if (err == nil) != isHost(name) || err != nil && (name != "" || tenant.CodeOf(err) != tenant.CodeInvalid) {
			t.Fatalf("%q became %q, %v", host, name, err)
		}
		plain := host
		if parts := portForm.FindStringSubmatch(host); parts != nil {
			if n, err := strconv.Atoi(parts[2]); err == nil && n <= 65535 {
				plain = parts[1]
			}
		}
		plain = strings.TrimSuffix(plain, ".")
		switch want := respelt(strings.Map(lower, plain), 0); {
		case err == nil && name != want:
			t.Fatalf("%q became %q, not %q", host, name, want)
		case err != nil && isHost(want):
			t.Fatalf("%q is refused: %v", host, err)
		case err != nil:
			return
		}
		ownPort := ":" + strconv.Itoa(max(1, int(port)))
		slug, slugErr := slugAt(name + ".app.example")
		for _, same := range []string{respelt(name, bits), respelt(name, ^bits)} {
			for _, end := range []string{"", ".", ownPort, "." + ownPort} {
				if again, err := tenant.CanonicalHost(same + end); err != nil || again != name {
					t.Fatalf("%q became %q, %v, and %q became %q", same+end, again, err, host, name)
				}
				again, err := slugAt(same + ".App.Example" + end)
				if again != slug || (err == nil) != (slugErr == nil) {
					t.Fatalf("%q has the slug %q, %v, and %q has %q, %v", same, again, err, name, slug, slugErr)
				}
			}
		}
	})
}

func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r - 'A' + 'a'
	}
	return r
}

func longHost(lengths ...int) string {
	labels := make([]string, len(lengths))
	for i, n := range lengths {
		labels[i] = strings.Repeat("a", n)
	}
	return strings.Join(labels, ".")
}
