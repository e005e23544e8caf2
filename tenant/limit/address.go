package limit

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// wholeSite is how much of an IPv6 address is a site's; the rest it can vary.
const wholeSite = 64

type addressKey struct{}

// Addresses puts each request's client address into its context. proxies are the
// networks whose X-Forwarded-For counts.
func Addresses(proxies []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(WithAddress(r.Context(), Address(r, proxies))))
	})
}

// WithAddress returns a context of a request from this address.
func WithAddress(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, addr)
}

// AddressKey is the key by which to limit the client of a request that came
// through [Addresses]: its address, of IPv6 the network of a site. Requests of
// which no address is known share a key.
func AddressKey(ctx context.Context) string {
	addr, ok := ctx.Value(addressKey{}).(netip.Addr)
	if !ok || !addr.IsValid() {
		return "unknown"
	}
	if addr.Is6() {
		site, err := addr.Prefix(wholeSite)
		if err == nil {
			return site.String()
		}
	}
	return addr.String()
}

// Address is where a request comes from: the peer or, where the peer is a proxy,
// whom the proxies name. X-Forwarded-For is read from its end, since each proxy
// adds there whom it speaks to, and what stands before the first that is no proxy
// is the client's own word. It is the zero Addr if the peer can't be told.
func Address(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plain(peer.Addr())
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for len(hops) > 0 && within(addr, proxies) {
		hop, ok := parseHop(strings.TrimSpace(hops[len(hops)-1]))
		if !ok {
			break
		}
		addr, hops = hop, hops[:len(hops)-1]
	}
	return addr
}

// parseHop reads an address, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return plain(addr), true
	}
	both, err := netip.ParseAddrPort(text)
	return plain(both.Addr()), err == nil
}

// plain gives an address its one form.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func within(addr netip.Addr, networks []netip.Prefix) bool {
	for _, network := range networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
