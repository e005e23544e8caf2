package limit_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// A key has its quota at once, then one more with each part of the window.
func TestQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit.New("signups", limit.Policy{Quota: 3, Window: time.Minute})
		taken := func(key string) (n int) {
			for l.Take(key) == nil {
				n++
			}
			return n
		}
		for _, step := range []struct {
			after time.Duration
			key   string
			want  int
		}{{0, "a", 3}, {0, "b", 3}, {19 * time.Second, "a", 0}, {time.Second, "a", 1}, {time.Hour, "a", 3}} {
			time.Sleep(step.after)
			if got := taken(step.key); got != step.want {
				t.Errorf("%s, %s later: %d instead of %d", step.key, step.after, got, step.want)
			}
		}
	})
}

// What is returned can be taken again, and is no more than was taken.
func TestReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit.New("test", limit.Policy{Quota: 2, Window: time.Hour})
		for range 5 {
			if err := l.Take("a"); err != nil {
				t.Error(err)
			}
			l.Return("a")
		}
		l.Return("b")
		for i := range 4 {
			for _, key := range []string{"a", "b"} {
				if err := l.Take(key); (err != nil) != (i >= 2) {
					t.Errorf("%s, %d: %v", key, i, err)
				}
			}
		}
	})
}

// What is refused says when to come again, by the headers that the reference
// document reserves.
func TestRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit.New("signups", limit.Policy{Quota: 2, Window: time.Minute})
		for range 2 {
			if err := l.Take("a"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(1500 * time.Millisecond)
		w := httptest.NewRecorder()
		rest.WriteError(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody), l.Take("a"))
		got := map[string]string{}
		for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy", "Content-Type"} {
			got[name] = w.Header().Get(name)
		}
		want := map[string]string{
			"Retry-After": "29", "RateLimit": `"signups";r=0;t=29`, "RateLimit-Policy": `"signups";q=2;w=60`, "Content-Type": rest.ContentType,
		}
		if diff := cmp.Diff(want, got); diff != "" || w.Code != http.StatusTooManyRequests {
			t.Errorf("%d (-want +got):\n%s", w.Code, diff)
		}
	})
}

// What is refused does not count, however many ask at the same time: a key that
// somebody floods has room again as soon as one that nobody else asks for.
func TestFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit.New("signups", limit.Policy{Quota: 3, Window: time.Hour})
		var taken atomic.Int64
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				for range 20_000 {
					if l.Take("a") == nil {
						taken.Add(1)
					}
				}
			})
		}
		group.Wait()
		if got := taken.Load(); got != 3 {
			t.Errorf("%d are taken", got)
		}
		refused, _ := errors.AsType[*rest.StatusError](l.Take("a"))
		if got := refused.Header.Get("Retry-After"); got != "1200" {
			t.Errorf("to be tried again in %s s", got)
		}
		time.Sleep(20 * time.Minute)
		if err := l.Take("a"); err != nil {
			t.Errorf("after as long as it said: %v", err)
		}
	})
}

// Keys without number push out the oldest, and no more.
func TestKeysAreBounded(t *testing.T) {
	t.Parallel()
	l := limit.New("x", limit.Policy{Quota: 1, Window: time.Hour})
	_ = l.Take("first")
	for i := range 49_999 {
		_ = l.Take(fmt.Sprint(i))
	}
	if l.Take("first") == nil {
		t.Error("forgotten while there was room")
	}
	for i := range 50_000 {
		_ = l.Take(fmt.Sprint("more", i))
	}
	if l.Take("first") != nil {
		t.Error("remembered beyond the bound")
	}
}

func TestPolicyText(t *testing.T) {
	t.Parallel()
	var p limit.Policy
	if err := p.UnmarshalText([]byte("10/1h")); err != nil || p != (limit.Policy{Quota: 10, Window: time.Hour}) || p.String() != "10/1h0m0s" {
		t.Errorf("%v, %v", p, err)
	}
	for _, text := range []string{"", "10", "10/", "/1h", "0/1h", "-1/1h", "1/-1h", "1/10ms", "x/1h", "1/1h/2"} {
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, p)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer, want string
		forwarded        []string
	}{
		{"no proxy", "198.51.100.1:1234", "198.51.100.1", nil},
		{"a client's own word", "198.51.100.1:1234", "198.51.100.1", []string{"203.0.113.9"}},
		{"a proxy", "10.0.0.1:1234", "203.0.113.9", []string{"203.0.113.9"}},
		{"a client's own word before a proxy's", "10.0.0.1:1234", "203.0.113.9", []string{"192.0.2.1, 203.0.113.9"}},
		{"two lines", "10.0.0.1:1234", "203.0.113.9", []string{"192.0.2.1", "203.0.113.9"}},
		{"two proxies", "10.0.0.1:1234", "203.0.113.9", []string{"192.0.2.1, 203.0.113.9, 10.0.0.2"}},
		{"proxies all the way", "10.0.0.1:1234", "10.0.0.3", []string{"10.0.0.3,10.0.0.2"}},
		{"no word of the proxy", "10.0.0.1:1234", "10.0.0.1", nil},
		{"nonsense", "10.0.0.1:1234", "10.0.0.1", []string{"203.0.113.9, unknown"}},
		{"nonsense before", "10.0.0.1:1234", "10.0.0.2", []string{"<script>, 10.0.0.2"}},
		{"with ports", "[fd00::1]:1234", "2001:db8::7", []string{"[2001:db8::7]:99"}},
		{"mapped", "[::ffff:10.0.0.1]:1234", "203.0.113.9", []string{"::ffff:203.0.113.9"}},
		{"with a zone", "[fd00::1%eth0]:1234", "2001:db8::7", []string{"2001:db8::7"}},
		{"no address", "@", "invalid IP", []string{"203.0.113.9"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.peer, c.forwarded
		if got := limit.Address(r, proxies).String(); got != c.want {
			t.Errorf("%s: %s instead of %s", c.name, got, c.want)
		}
	}
}

// Who has an IPv6 network has one key, however many addresses.
func TestAddressKey(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::1": "2001:db8:1:2::/64",
	} {
		var got string
		h := limit.Addresses(nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = limit.AddressKey(r.Context()) }))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(addr), 1).String()
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("%s: %s instead of %s", addr, got, want)
		}
	}
	if got := limit.AddressKey(t.Context()); got != "unknown" {
		t.Error(got)
	}
	if _, ok := errors.AsType[*rest.StatusError](limit.New("x", limit.Policy{Quota: 1, Window: time.Second}).Take("a")); ok {
		t.Error("the first is refused")
	}
}
