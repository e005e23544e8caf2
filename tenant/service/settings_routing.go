package service

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// sources are what may name a request's tenant.
type sources struct{ subdomain, domain, header, path, token bool }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *sources) UnmarshalText(text []byte) error {
	known := map[string]*bool{"subdomain": &s.subdomain, "domain": &s.domain, "header": &s.header, "path": &s.path, "token": &s.token}
	for word := range strings.SplitSeq(string(text), ",") {
		on, ok := known[strings.TrimSpace(word)]
		if !ok {
			return errors.New("each must be one of subdomain, domain, header, path and token")
		}
		*on = true
	}
	return nil
}

// byHost tells whether hosts name tenants.
func (s sources) byHost() bool { return s.subdomain || s.domain }

// hostNames is a list of hosts in their canonical form.
type hostNames []string

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hostNames) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		host := strings.TrimSpace(part)
		name, err := tenant.CanonicalHost(host)
		if err != nil || strings.Contains(host, ":") {
			return errors.New("each must be a DNS name without a port, such as api.app.example")
		}
		*h = append(*h, name)
	}
	return nil
}

var (
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	pathPrefix = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)*$`)
)

// standardHeaders mean something else, or are set by clients and hops as they like.
var standardHeaders = map[string]bool{
	"Host": true, "Authorization": true, "Cookie": true, "Forwarded": true, "X-Forwarded-Host": true,
	"X-Forwarded-For": true, "X-Forwarded-Proto": true, "X-Request-Id": true, "Idempotency-Key": true,
}

func (s *settings) checkRouting() []error {
	var errs []error
	if s.BaseDomain == "" && s.TenantFrom.byHost() {
		errs = append(errs, errors.New("BASE_DOMAIN must be set along with DATABASE_URL"))
	}
	if s.TenantFrom.header && len(s.TrustedProxies) == 0 {
		errs = append(errs, errors.New("TRUSTED_PROXIES must be set when TENANT_FROM has header: from others it would be ignored"))
	}
	if !headerName.MatchString(s.TenantHeader) || standardHeaders[http.CanonicalHeaderKey(s.TenantHeader)] {
		errs = append(errs, errors.New("TENANT_HEADER must be the name of a header of your own, such as X-Tenant"))
	}
	if s.TenantPath == "/" || !pathPrefix.MatchString(s.TenantPath) {
		errs = append(errs, errors.New("TENANT_PATH must be a path that begins and ends with a slash, such as /t/"))
	}
	for _, address := range [][2]string{{"DOMAIN_RESOLVER", s.DomainResolver}, {"TLS_ASK_ADDR", s.TLSAskAddr}} {
		if _, port, err := net.SplitHostPort(address[1]); address[1] != "" && (err != nil || port == "") {
			errs = append(errs, fmt.Errorf("%s must be host:port, such as 127.0.0.1:8081", address[0]))
		}
	}
	return errs
}
