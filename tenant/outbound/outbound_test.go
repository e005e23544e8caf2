package outbound_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/outbound"
)

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"} {
		if !outbound.IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	for _, text := range []string{
		"127.0.0.1", "::1", "10.0.0.1", "172.31.0.1", "192.168.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "fd00::1", "0.0.0.0", "::",
		"224.0.0.1", "255.255.255.255", "100.64.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::127.0.0.1",
	} {
		if outbound.IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
}

// The address is looked at where the connection is made, whatever name led there.
func TestOnlyPublic(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{ControlContext: outbound.OnlyPublic}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err, outbound.ErrPrivate) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
