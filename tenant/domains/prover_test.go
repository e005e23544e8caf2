package domains_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/bailiwick-dev/bailiwick/tenant/domains"
)

// zone is a DNS server that knows what a test tells it.
type zone struct {
	mu   sync.Mutex
	txt  map[string][]string
	a    map[string]string
	code int // other than success for every question
	mute bool
}

func (z *zone) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.mute {
		return
	}
	m := new(dns.Msg)
	m.SetReply(r)
	q := r.Question[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 1}
	_, hasTXT := z.txt[name]
	_, hasA := z.a[name]
	switch {
	case z.code != 0:
		m.Rcode = z.code
	case !hasTXT && !hasA:
		m.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeTXT:
		for _, text := range z.txt[name] {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: header, Txt: split(text)})
		}
	case q.Qtype == dns.TypeA && hasA:
		m.Answer = append(m.Answer, &dns.A{Hdr: header, A: net.ParseIP(z.a[name])})
	}
	_ = w.WriteMsg(m)
}

// split cuts a text into the strings of a TXT record.
func split(text string) []string {
	var parts []string
	for len(text) > 255 {
		parts, text = append(parts, text[:255]), text[255:]
	}
	return append(parts, text)
}

func (z *zone) set(edit func(*zone)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	edit(z)
}

// newZone starts a DNS server and gives its address.
func newZone(t *testing.T) (z *zone, address string) {
	t.Helper()
	z = &zone{txt: map[string][]string{}, a: map[string]string{}}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: conn, Handler: z, NotifyStartedFunc: func() { close(started) }}
	go func() {
		if err := server.ActivateAndServe(); err != nil {
			t.Error(err)
		}
	}()
	<-started
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return z, conn.LocalAddr().String()
}

// site is an HTTP server that a test's hosts point to.
func site(t *testing.T, h http.HandlerFunc) (port int) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.Listener.Addr().(*net.TCPAddr).Port
}

const host = "security.acme.example"

func TestProofByDNS(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]func(*domains.Prover, context.Context, string, string) error{
		"first": (*domains.Prover).Prove, "alone": (*domains.Prover).ProveDNS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z, address := newZone(t)
			p := &domains.Prover{Resolver: address, Timeout: 2 * time.Second}
			token := domains.NewToken()
			proofByDNS(t, z, token, func() error { return look(p, t.Context(), host, token) })
		})
	}
}

func proofByDNS(t *testing.T, z *zone, token string, prove func() error) {
	t.Helper()
	if err := prove(); !errors.Is(err, domains.ErrNotProven) || !strings.Contains(err.Error(), "_bailiwick."+host+" has no TXT record") {
		t.Errorf("no record: %v", err)
	}
	for _, texts := range [][]string{{""}, {domains.NewToken()}, {token + "x"}, {"x" + token}, {strings.ToUpper(token)}, {strings.Repeat("x", 600)}} {
		z.set(func(z *zone) { z.txt["_bailiwick."+host] = texts })
		if err := prove(); !errors.Is(err, domains.ErrNotProven) {
			t.Errorf("%q: %v", texts, err)
		}
	}
	z.set(func(z *zone) { z.txt[host] = []string{token}; delete(z.txt, "_bailiwick."+host) })
	if err := prove(); !errors.Is(err, domains.ErrNotProven) {
		t.Errorf("the record of another name: %v", err)
	}
	z.set(func(z *zone) { z.txt["_bailiwick."+host] = []string{"v=spf1 -all", token} })
	if err := prove(); err != nil {
		t.Errorf("one of two records: %v", err)
	}
	for what, edit := range map[string]func(*zone){
		"refuses":   func(z *zone) { z.code, z.mute = dns.RcodeRefused, false },
		"has a bug": func(z *zone) { z.code, z.mute = dns.RcodeServerFailure, false },
		"is silent": func(z *zone) { z.mute = true },
	} {
		z.set(edit)
		if err := prove(); err == nil || errors.Is(err, domains.ErrNotProven) {
			t.Errorf("DNS %s: %v", what, err)
		}
	}
}

func TestProofByHTTP(t *testing.T) {
	t.Parallel()
	token := domains.NewToken()
	var asked atomic.Int64
	var mode atomic.Value
	mode.Store("token")
	var port int
	port = site(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		path := "/.well-known/bailiwick/" + token
		switch mode.Load() {
		case "token":
			if r.Method != http.MethodGet || r.URL.Path != path || r.Host != fmt.Sprintf("%s:%d", host, port) {
				t.Errorf("%s %s at %s", r.Method, r.URL, r.Host)
			}
			_, _ = fmt.Fprintln(w, token)
		case "another":
			_, _ = fmt.Fprintln(w, domains.NewToken())
		case "long":
			_, _ = fmt.Fprint(w, token+strings.Repeat(" ", 1<<20))
		case "404":
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, token)
		case "here":
			if !r.URL.Query().Has("again") {
				http.Redirect(w, r, path+"?again", http.StatusFound)
				return
			}
			_, _ = fmt.Fprint(w, token)
		case "loop":
			http.Redirect(w, r, path, http.StatusFound)
		case "elsewhere":
			http.Redirect(w, r, fmt.Sprintf("http://evil.example:%d%s", port, path), http.StatusFound)
		case "address":
			http.Redirect(w, r, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), http.StatusFound)
		case "port":
			http.Redirect(w, r, "http://"+host+":6379"+path, http.StatusFound)
		case "user":
			http.Redirect(w, r, "http://x@"+net.JoinHostPort(host, strconv.Itoa(port))+path, http.StatusFound)
		case "file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "silent":
			<-r.Context().Done()
		}
	})
	z, address := newZone(t)
	z.set(func(z *zone) { z.a[host], z.a["evil.example"] = "127.0.0.1", "127.0.0.1" })
	p := &domains.Prover{Resolver: address, Private: true, Port: port, Timeout: 2 * time.Second}
	for _, c := range []struct{ mode, text string }{
		{"token", ""}, {"here", ""},
		{"another", "is not the token"}, {"long", "is not the token"}, {"404", "answers 404"}, {"loop", "redirects elsewhere"},
		{"elsewhere", "redirects elsewhere"}, {"address", "redirects elsewhere"}, {"port", "redirects elsewhere"},
		{"user", "redirects elsewhere"}, {"file", "redirects elsewhere"}, {"silent", "deadline exceeded"},
	} {
		mode.Store(c.mode)
		err := p.Prove(t.Context(), host, token)
		switch {
		case c.text == "" && err != nil:
			t.Errorf("%s: %v", c.mode, err)
		case c.text != "" && (!errors.Is(err, domains.ErrNotProven) || !strings.Contains(err.Error(), c.text)):
			t.Errorf("%s: %v", c.mode, err)
		case err != nil && strings.Contains(err.Error(), token):
			t.Errorf("%s: the error holds the token: %v", c.mode, err)
		}
	}
	mode.Store("token")
	public := &domains.Prover{Resolver: address, Port: port, Timeout: 2 * time.Second}
	before := asked.Load()
	if err := public.Prove(t.Context(), host, token); !errors.Is(err, domains.ErrNotProven) || !strings.Contains(err.Error(), "not public: 127.0.0.1") {
		t.Errorf("a private address: %v", err)
	}
	if asked.Load() != before {
		t.Error("a private address was asked")
	}
}

// TestOnlyPublicAddresses: no host leads to what only this machine can reach.
func TestOnlyPublicAddresses(t *testing.T) {
	t.Parallel()
	z, address := newZone(t)
	p := &domains.Prover{Resolver: address, Timeout: 2 * time.Second}
	for _, ip := range []string{
		"127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "0.1.2.3", "100.64.0.1",
		"192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
	} {
		z.set(func(z *zone) { z.a[host] = ip })
		if err := p.Prove(t.Context(), host, "x"); !errors.Is(err, domains.ErrNotProven) || !strings.Contains(err.Error(), "the address is not public: "+ip) {
			t.Errorf("%s: %v", ip, err)
		}
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	token := domains.NewToken()
	h := domains.Answer(func(r *http.Request, asked string) bool { return r.Host == host && asked == token }, http.NotFoundHandler())
	for _, c := range []struct {
		method, host, path string
		status             int
	}{
		{http.MethodGet, host, domains.Path + token, 200},
		{http.MethodPost, host, domains.Path + token, 404},
		{http.MethodGet, "other.example", domains.Path + token, 404},
		{http.MethodGet, host, domains.Path + domains.NewToken(), 404},
		{http.MethodGet, host, domains.Path + "<script>", 404},
		{http.MethodGet, host, domains.Path, 404},
		{http.MethodGet, host, domains.Path + token + "/x", 404},
	} {
		r := httptest.NewRequest(c.method, "http://x"+c.path, http.NoBody)
		r.Host = c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || (c.status == 200 && w.Body.String() != token+"\n") {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
}
