package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
)

// Those who send requests.
const (
	unknownPeer = "203.0.113.9:1000"
	trustedPeer = "10.0.0.1:1000"
)

// theirs are the names of two tenants.
var theirs = map[tenant.Name]tenant.ID{
	{Slug: "acme"}: {1}, {Domain: "acme.example"}: {1}, {ID: tenant.ID{1}}: {1},
	{Slug: "globex"}: {2}, {Domain: "globex.example"}: {2}, {ID: tenant.ID{2}}: {2},
}

var everyName = service.NewRouting([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, func(name tenant.Name) (tenant.Route, error) {
	id, ok := theirs[name]
	if !ok {
		return tenant.Route{}, &tenant.Error{Code: tenant.CodeNotFound, Err: errors.New("nobody")}
	}
	return tenant.Route{Tenant: tenant.Tenant{ID: id}}, nil
})

// outcome is what comes of a request with a token of acme.
type outcome struct {
	Names  []tenant.Name
	Tenant tenant.ID // zero with a Status
	Status int
}

func (o outcome) String() string {
	if o.Status != 0 {
		return fmt.Sprint(o.Status)
	}
	return map[tenant.ID]string{{1}: "acme", {2}: "globex"}[o.Tenant]
}

// routed is the outcome of a request that net/http has let in.
func routed(r *http.Request) (o outcome) {
	tenant.PathPrefix("/t/").Strip(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var route tenant.Route
		var err error
		o.Names, route, err = everyName.Of(r, tenant.ID{1})
		o.Tenant = route.ID
		if err != nil {
			o.Status = -1
		}
		if refused, ok := errors.AsType[*rest.StatusError](err); ok {
			o.Status = refused.Problem.Status
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	return o
}

// wire is a connection on which all has been sent that ever will be.
type wire struct {
	sent     *bytes.Reader
	peer     netip.AddrPort
	answered func(*http.Request) // Once: with nil when the connection ends without a request.
}

func (w *wire) Read(p []byte) (int, error)       { return w.sent.Read(p) }
func (w *wire) Write(p []byte) (int, error)      { return len(p), nil }
func (w *wire) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(w.peer) }
func (w *wire) LocalAddr() net.Addr              { return net.TCPAddrFromAddrPort(w.peer) }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) Close() error                     { w.answered(nil); return nil }

// wires is a listener; it is also how the requests that arrive are told apart.
type wires chan *wire

type wireKey struct{}

func (l wires) Accept() (net.Conn, error) {
	if w, ok := <-l; ok {
		return w, nil
	}
	return nil, net.ErrClosed
}
func (l wires) Addr() net.Addr { return &net.TCPAddr{} }
func (l wires) Close() error   { return nil }

// listen serves wires as net/http serves connections.
func listenWires(tb testing.TB) wires {
	tb.Helper()
	l := make(wires)
	server := &http.Server{
		ErrorLog:    log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, wireKey{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Context().Value(wireKey{}).(*wire).answered(r)
			w.Header().Set("Connection", "close")
		}),
	}
	go func() { _ = server.Serve(l) }() // It ends with the listener.
	tb.Cleanup(func() { close(l) })
	return l
}

// first gives the first request of what a peer sends, nil where net/http refuses it.
func (l wires) first(raw []byte, peer string) *http.Request {
	got := make(chan *http.Request, 1)
	var once sync.Once
	l <- &wire{sent: bytes.NewReader(raw), peer: netip.MustParseAddrPort(peer), answered: func(r *http.Request) {
		once.Do(func() { got <- r })
	}}
	return <-got
}

// recording is a member of the archive of headers.
type recording struct {
	what                 string
	raw                  []byte
	byUnknown, byTrusted string
}

func recordings(tb testing.TB) []recording {
	tb.Helper()
	archive, err := txtar.ParseFile("testdata/headers.txtar")
	if err != nil {
		tb.Fatal(err)
	}
	all := make([]recording, len(archive.Files))
	for i, f := range archive.Files {
		what, answers, _ := strings.Cut(f.Name, " / ")
		unknown, trusted, found := strings.Cut(answers, " ")
		if !found {
			tb.Fatalf("%q does not say what comes of it", f.Name)
		}
		all[i] = recording{what, bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n")), unknown, trusted}
	}
	return all
}

// TestRecordedHeaders: what comes of each recorded request.
func TestRecordedHeaders(t *testing.T) {
	t.Parallel()
	l := listenWires(t)
	for _, c := range recordings(t) {
		for peer, want := range map[string]string{unknownPeer: c.byUnknown, trustedPeer: c.byTrusted} {
			got := outcome{Status: http.StatusBadRequest}
			if r := l.first(c.raw, peer); r != nil {
				got = routed(r)
			}
			if got.String() != want {
				t.Errorf("%s, from %s: %s %v, want %s", c.what, peer, got, got.Names, want)
			}
		}
	}
}

// FuzzHeaders: whatever a client or a proxy sends, names are in their one form, a
// request is for one tenant or for none, and what only proxies may say has no
// effect when somebody else says it.
func FuzzHeaders(f *testing.F) {
	for _, c := range recordings(f) {
		f.Add(c.raw)
	}
	l := listenWires(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, peer := range []string{unknownPeer, trustedPeer} {
			r := l.first(raw, peer)
			if r == nil {
				continue
			}
			if n := hostLines(raw); n > 1 || n == 0 && r.ProtoAtLeast(1, 1) && r.URL.Host == "" {
				t.Fatalf("a request with %d Host headers was let in", n)
			}
			got := routed(r)
			allowed(t, r, got)
			for what, other := range equals(r, peer == trustedPeer) {
				if diff := cmp.Diff(got, routed(other)); diff != "" {
					t.Errorf("%s changes it, from %s: %s", what, peer, diff)
				}
			}
		}
	})
}

// hostLines counts the Host headers of the first request in a way of its own.
func hostLines(raw []byte) (n int) {
	for i, line := range bytes.Split(raw, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 && i > 0 {
			break
		}
		if name, _, found := bytes.Cut(line, []byte(":")); found && strings.EqualFold(string(name), "host") {
			n++
		}
	}
	return n
}

// allowed: the names are well-formed and come from where names may come from, and
// the tenant is that of all of them.
func allowed(t *testing.T, r *http.Request, got outcome) {
	t.Helper()
	if (r.URL.Host != "" || r.URL.Scheme != "") && got.Status != http.StatusMisdirectedRequest {
		t.Errorf("absolute form: %+v", got)
	}
	if !slices.Contains([]int{0, 400, 403, 404, 421}, got.Status) || (got.Status == 0) != (got.Tenant == tenant.ID{1}) {
		t.Errorf("%+v", got)
	}
	if r.RemoteAddr == trustedPeer && got.Status == 0 && (ambiguous(r, "X-Forwarded-Host") || ambiguous(r, "X-Tenant")) {
		t.Errorf("a header with two values: %+v", got)
	}
	for i, name := range got.Names {
		if slices.Contains(got.Names[:i], name) || !sayable(r, name) {
			t.Errorf("%v says %+v", r, name)
		}
		if got.Status == 0 && theirs[name] != got.Tenant {
			t.Errorf("%s leads to %+v", name, got)
		}
	}
}

func ambiguous(r *http.Request, header string) bool {
	return strings.Contains(strings.Join(r.Header[header], ","), ",")
}

// sayable tells whether a request may call its tenant so: by its host, and that
// only, where no proxy has sent it.
func sayable(r *http.Request, name tenant.Name) bool {
	said := []string{r.Host}
	label, _, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/t/"), "/")
	slugs := []string{label, "-"} // The latter is what no slug is taken for.
	if r.RemoteAddr == trustedPeer {
		said = append(said, r.Header["X-Forwarded-Host"]...)
		slugs = append(slugs, r.Header["X-Tenant"]...)
	}
	switch {
	case !name.ID.IsZero() || (name.Slug == "") == (name.Domain == ""):
		return false
	case name.Slug != "" && slices.Contains(slugs, name.Slug):
		return strings.Trim(name.Slug, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	want := name.Domain
	if name.Slug != "" {
		want = name.Slug + ".app.example"
	} else if want == "app.example" || want == "api.app.example" || strings.HasSuffix(want, ".app.example") {
		return false
	}
	return slices.ContainsFunc(said, func(host string) bool {
		canonical, err := tenant.CanonicalHost(host)
		return err == nil && canonical == want
	})
}

// equals are requests of which the same has to come: those without anything that
// has no say, and with the host in another form.
func equals(r *http.Request, trusted bool) map[string]*http.Request {
	bare := r.Clone(r.Context())
	bare.Header = http.Header{}
	if trusted {
		for _, name := range []string{"X-Forwarded-Host", "X-Tenant"} {
			if values, ok := r.Header[name]; ok {
				bare.Header[name] = values
			}
		}
	}
	bare.Method, bare.Form, bare.Trailer, bare.URL.RawQuery, bare.URL.User = http.MethodGet, nil, nil, "", (*url.Userinfo)(nil)
	all := map[string]*http.Request{"what has no say": bare}
	if canonical, err := tenant.CanonicalHost(r.Host); err == nil {
		for _, host := range []string{canonical, strings.ToUpper(canonical), canonical + ".", canonical + ":65535"} {
			other := r.Clone(r.Context())
			other.Host = host
			all["the host as "+host] = other
		}
	}
	return all
}
