package service

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
)

// maxSkew is more than clocks that are set by anything are apart.
const maxSkew = 10 * time.Minute

// maxStatementTimeout is the most that PostgreSQL's statement_timeout can hold.
const maxStatementTimeout = math.MaxInt32 * time.Millisecond

// checkNetwork fills in ADDR and BASE_DOMAIN. Whoever configures a database runs
// the service for others, often in a container, where loopback reaches nobody.
func (s *settings) checkNetwork() []error {
	var errs []error
	if s.embedded() {
		s.Addr = cmp.Or(s.Addr, "127.0.0.1:8080")
		s.BaseDomain = cmp.Or(s.BaseDomain, "localhost")
	}
	s.Addr = cmp.Or(s.Addr, ":8080")
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		errs = append(errs, errors.New("ADDR must be host:port, such as 127.0.0.1:8080"))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, errors.New("ADDR must end in a port number"))
	}
	if s.Port != 0 {
		s.Addr = net.JoinHostPort(host, strconv.Itoa(int(s.Port)))
	}
	if s.BaseDomain == "" {
		return errs
	}
	canonical, err := tenant.CanonicalHost(s.BaseDomain)
	if err != nil || strings.Contains(s.BaseDomain, ":") {
		errs = append(errs, errors.New("BASE_DOMAIN must be a DNS name without a port, such as app.example"))
	}
	s.BaseDomain = canonical
	return errs
}

func (s *settings) checkDatabase() []error {
	var errs []error
	for _, v := range [][2]string{{"DATABASE_OWNER_URL", s.DatabaseOwnerURL}, {"DATABASE_URL", s.DatabaseURL}, {"DATABASE_LISTEN_URL", s.DatabaseListenURL}} {
		if v[1] == "" {
			continue
		}
		if _, err := pgx.ParseConfig(v[1]); err != nil { // Its own error would quote the password.
			errs = append(errs, fmt.Errorf("%s must be postgres://role:password@host:port/database, "+
				"or postgres://role:password@/database?host=/folder/of/the/socket", v[0]))
		}
	}
	if s.embedded() && s.DatabaseOwnerURL != "" {
		errs = append(errs, errors.New("DATABASE_OWNER_URL is set, but DATABASE_URL is not"))
	}
	if s.embedded() && s.DatabaseListenURL != "" {
		errs = append(errs, errors.New("DATABASE_LISTEN_URL is set, but DATABASE_URL is not"))
	}
	return errs
}

// checkOperator holds together what the operator API needs.
func (s *settings) checkOperator() []error {
	if s.OperatorAddr == "" {
		return nil
	}
	var errs []error
	if _, _, err := net.SplitHostPort(s.OperatorAddr); err != nil {
		errs = append(errs, errors.New("OPERATOR_ADDR must be host:port, such as 127.0.0.1:9090"))
	}
	if s.OperatorKeys.Empty() {
		errs = append(errs, errors.New("OPERATOR_KEYS must be set along with OPERATOR_ADDR. Make a key with: bailiwick operator-key NAME"))
	}
	if !s.embedded() && s.DatabaseOwnerURL == "" {
		errs = append(errs, errors.New("DATABASE_OWNER_URL must be set along with OPERATOR_ADDR: operators do what only the owner role may"))
	}
	return errs
}

func (s *settings) checkKeys() []error {
	if s.embedded() {
		return nil
	}
	return []error{errors.New("SECRET_KEYS must be set along with DATABASE_URL: it seals secrets in the database and signs cursors. " +
		`Make one with: printf 'k1:%s\n' "$(openssl rand -base64 32)"`)}
}

func (s *settings) checkIdentity() []error {
	var errs []error
	switch {
	case s.Issuer == "" && s.Audience == "" && s.JWKSURL == "" && s.embedded():
	case s.Issuer == "" && s.Audience == "":
		errs = append(errs, errors.New("ISSUER and AUDIENCE must be set: they say whose tokens are accepted"))
	case s.Issuer == "" || s.Audience == "":
		errs = append(errs, errors.New("ISSUER and AUDIENCE must be set together: a token of the issuer for another service must not count here"))
	case s.JWKSURL == "" && identity.CheckURL(s.Issuer) != nil:
		errs = append(errs, fmt.Errorf("ISSUER %w; or set JWKS_URL, and its discovery is not asked", identity.CheckURL(s.Issuer)))
	}
	if s.JWKSURL != "" {
		if err := identity.CheckURL(s.JWKSURL); err != nil {
			errs = append(errs, fmt.Errorf("JWKS_URL %w", err))
		}
	}
	if s.ClockSkew < 0 || s.ClockSkew > maxSkew {
		errs = append(errs, fmt.Errorf("CLOCK_SKEW must be between 0s and %s: for so long a token counts beyond its time", maxSkew))
	}
	return errs
}

func (s *settings) checkLimits() []error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"STATEMENT_TIMEOUT": s.StatementTimeout, "READ_HEADER_TIMEOUT": s.ReadHeaderTimeout, "READ_TIMEOUT": s.ReadTimeout,
		"WRITE_TIMEOUT": s.WriteTimeout, "IDLE_TIMEOUT": s.IdleTimeout, "SHUTDOWN_TIMEOUT": s.ShutdownTimeout,
		"TENANT_CACHE_EXPIRY": s.TenantCacheExpiry, "RELEASE_HEARTBEAT": s.ReleaseHeartbeat, "RELEASE_EXPIRY": s.ReleaseExpiry,
		"SIGNUP_EXPIRY": s.SignupExpiry, "BILLING_GRACE": s.BillingGrace,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("%s must be positive, such as 10s", name))
		}
	}
	if s.StatementTimeout > 0 && (s.StatementTimeout < time.Millisecond || s.StatementTimeout > maxStatementTimeout) {
		errs = append(errs, fmt.Errorf("STATEMENT_TIMEOUT must be between 1ms and %s, which is PostgreSQL's own limit", maxStatementTimeout))
	}
	if s.ReleaseHeartbeat > 0 && s.ReleaseExpiry > 0 && s.ReleaseExpiry < 2*s.ReleaseHeartbeat {
		errs = append(errs, errors.New("RELEASE_EXPIRY must be at least twice RELEASE_HEARTBEAT: one that is lost or late must not end the release"))
	}
	if s.SignupLink != "" && !strings.Contains(s.SignupLink, "{token}") {
		errs = append(errs, errors.New("SIGNUP_LINK must hold {token}, as in https://app.example/welcome#{token}"))
	}
	if s.MaxBody <= 0 {
		errs = append(errs, errors.New("MAX_BODY must be positive"))
	}
	if s.MaxSpooled <= 0 {
		errs = append(errs, errors.New("MAX_SPOOLED must be positive"))
	}
	if s.DatabaseMaxConns <= 0 {
		errs = append(errs, errors.New("DATABASE_MAX_CONNS must be positive"))
	}
	if !slices.Contains([]string{"auto", "json", "text"}, s.LogFormat) {
		errs = append(errs, errors.New("LOG_FORMAT must be json, text or auto"))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}
