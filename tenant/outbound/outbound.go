// Package outbound keeps connections that others have this process make, such as to
// a customer's host or identity provider, from what only this process can reach.
//
// It imports the standard library and nothing else.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrPrivate is for an address that is not public: of a private network, of this
// machine, of the link, or reserved.
var ErrPrivate = errors.New("the address is not public")

// OnlyPublic is a ControlContext of [net.Dialer] that fails with ErrPrivate. It sees
// the address that is connected to, after DNS has had its say, so that no second
// answer of DNS can lead elsewhere. Where a proxy connects in the dialer's place it
// sees the proxy alone.
func OnlyPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(peer.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivate, peer.Addr())
	}
	return nil
}

// special are networks that Go's own predicates do not know: shared and protocol
// addresses, benchmarks, examples, those that embed IPv4 addresses, what is reserved.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"),
}

// IsPublic tells whether an address is one of the public internet's.
func IsPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(addr) {
			return false
		}
	}
	return true
}
