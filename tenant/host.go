package tenant

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Limits of names, all in bytes. A slug leaves room in its 63-byte DNS label,
// so that a name made from it never has to be cut.
const (
	maxSlug  = 40
	maxHost  = 253
	maxLabel = 63
)

// CanonicalHost brings the value of a Host header into its one form: lower
// case, without port and without a trailing dot. Whatever is not a plain DNS
// name is refused with CodeInvalid: IP addresses in any notation, user info,
// empty labels, names in other alphabets (their xn-- form is accepted).
func CanonicalHost(host string) (string, error) {
	if name, port, found := strings.Cut(host, ":"); isCanonical(name) && (!found || isPort(port)) {
		return name, nil
	}
	name, err := cutPort(host)
	if err != nil {
		return "", err
	}
	name = lowerASCII(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > maxHost {
		return "", errorf(CodeInvalid, "", "host name of %d bytes; 1 to %d are allowed", len(name), maxHost)
	}
	labels := strings.Split(name, ".")
	if i := slices.IndexFunc(labels, func(l string) bool { return !isLabel(l) }); i >= 0 {
		return "", errorf(CodeInvalid, "", "host %q: %q is not a DNS label", host, labels[i])
	}
	if endsInNumber(labels[len(labels)-1]) {
		return "", errorf(CodeInvalid, "", "host %q is an IP address", host)
	}
	return name, nil
}

// isCanonical tells, in one pass and without allocating, whether a host is in its
// canonical form already, as most are.
func isCanonical(host string) bool {
	if host == "" || len(host) > maxHost {
		return false
	}
	label := 0 // where it begins
	for i := range len(host) {
		if host[i] != '.' {
			continue
		}
		if !isLabel(host[label:i]) {
			return false
		}
		label = i + 1
	}
	return isLabel(host[label:]) && !endsInNumber(host[label:])
}

// cutPort removes ":port". A bracketed or bare IPv6 address is refused here.
func cutPort(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil || strings.HasPrefix(host, "[") {
		return "", errorf(CodeInvalid, "", "host %q is an IP address", host)
	}
	name, port, found := strings.Cut(host, ":")
	if !found {
		return name, nil
	}
	if !isPort(port) {
		return "", errorf(CodeInvalid, "", "host %q has no valid port after the colon", host)
	}
	return name, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n != 0
}

// isLabel tells whether s is a lower-case DNS label.
func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// endsInNumber tells whether a host's last label makes it an IPv4 address for
// some parser: 127.0.0.1, 127.1, 2130706433 and 0x7f.1 are all the same address.
func endsInNumber(label string) bool {
	rest, isHex := strings.CutPrefix(label, "0x")
	for i := range len(rest) {
		if c := rest[i]; (c < '0' || c > '9') && (!isHex || c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// lowerASCII lowers A-Z only. strings.ToLower would fold U+212A (Kelvin sign)
// to k, and with it make two different hosts one.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
