package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// settings are all that the environment decides. The help tag is what --help says.
type settings struct {
	Addr string `env:"ADDR" envDefault:"127.0.0.1:8080"      help:"address to listen on"`
	Port uint16 `env:"PORT" help:"replaces the port of ADDR"`

	DatabaseURL       string        `env:"DATABASE_URL"        help:"connection string of the runtime role; unset: an embedded PostgreSQL with demo tenants"`
	DatabaseOwnerURL  string        `env:"DATABASE_OWNER_URL"  help:"connection string of the owner role; set: the shared schema is installed at start"`
	DatabaseMaxConns  int32         `env:"DATABASE_MAX_CONNS"  envDefault:"8"                                                                                help:"connections to the database at most, beside one for /readyz"`
	DatabaseUnnamed   bool          `env:"DATABASE_UNNAMED"    help:"true behind a transaction pooler that knows no prepared statements"`
	StatementTimeout  time.Duration `env:"STATEMENT_TIMEOUT"   envDefault:"10s"                                                                              help:"how long one statement of a tenant may run"`
	TenantCacheExpiry time.Duration `env:"TENANT_CACHE_EXPIRY" envDefault:"5s"                                                                               help:"how long a suspended or renamed tenant may still be served"`

	BaseDomain     string   `env:"BASE_DOMAIN"     help:"tenants are one label below it; localhost unless DATABASE_URL is set"`
	TrustedProxies networks `env:"TRUSTED_PROXIES" help:"networks whose X-Forwarded-Host counts, such as 10.0.0.0/8,fd00::/8; unset: none"`

	Issuer      string `env:"ISSUER"       help:"iss of the tokens; unset in embedded mode: tokens of a local key"`
	Audience    string `env:"AUDIENCE"     help:"aud of the tokens"`
	JWKSURL     string `env:"JWKS_URL"     help:"where the issuer's public keys are (EdDSA, ES256, RS256)"`
	TenantClaim string `env:"TENANT_CLAIM" envDefault:"tenant"                                                     help:"claim that holds the tenant's id"`

	LogLevel  slog.Level `env:"LOG_LEVEL"  envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR"`
	LogFormat string     `env:"LOG_FORMAT" envDefault:"auto" help:"json, text, or auto: json unless stderr is a terminal"`

	MaxBody           int64         `env:"MAX_BODY"            envDefault:"10485760" help:"bytes of a request's body at most"`
	ReadHeaderTimeout time.Duration `env:"READ_HEADER_TIMEOUT" envDefault:"5s"       help:"time for a request's header"`
	ReadTimeout       time.Duration `env:"READ_TIMEOUT"        envDefault:"30s"      help:"time for a whole request"`
	WriteTimeout      time.Duration `env:"WRITE_TIMEOUT"       envDefault:"60s"      help:"time for handling a request and writing the response"`
	IdleTimeout       time.Duration `env:"IDLE_TIMEOUT"        envDefault:"120s"     help:"how long an idle connection is kept"`
	ShutdownTimeout   time.Duration `env:"SHUTDOWN_TIMEOUT"    envDefault:"10s"      help:"how long running requests may take to end at shutdown"`
}

// maxStatementTimeout is the most that PostgreSQL's statement_timeout can hold.
const maxStatementTimeout = math.MaxInt32 * time.Millisecond

// networks is a list of CIDR prefixes, separated by commas.
type networks []netip.Prefix

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *networks) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("network: %w", err)
		}
		*n = append(*n, prefix)
	}
	return nil
}

// embedded tells whether the service brings its own database.
func (s *settings) embedded() bool { return s.DatabaseURL == "" }

// localKey tells whether tokens are those of the embedded mode's own key.
func (s *settings) localKey() bool { return s.JWKSURL == "" }

// readSettings reads and checks the environment and reports every error at once.
func readSettings(environ []string) (*settings, error) {
	s := &settings{}
	values := env.ToMap(environ)
	for name, value := range values {
		if value == "" { // FOO= is how shells and compose files spell "not set".
			delete(values, name)
		}
	}
	errs := settingErrors(env.ParseWithOptions(s, env.Options{Environment: values}))
	errs = append(errs, s.checkNetwork()...)
	errs = append(errs, s.checkDatabase()...)
	errs = append(errs, s.checkIdentity()...)
	errs = append(errs, s.checkLimits()...)
	if len(errs) > 0 {
		return nil, fmt.Errorf("settings: %w", errors.Join(errs...))
	}
	return s, nil
}

// settingErrors names the variable where the library names the field, and never shows the value.
func settingErrors(err error) []error {
	if err == nil {
		return nil
	}
	aggregate, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return []error{err}
	}
	var errs []error
	for _, e := range aggregate.Errors {
		parse, ok := errors.AsType[env.ParseError](e)
		if !ok {
			errs = append(errs, e)
			continue
		}
		name, help := parse.Name, ""
		if field, ok := reflect.TypeFor[settings]().FieldByName(parse.Name); ok {
			name, help = field.Tag.Get("env"), field.Tag.Get("help")
		}
		errs = append(errs, fmt.Errorf("%s can't be read as %s (%s)", name, typeWord(parse.Type), help))
	}
	return errs
}

func (s *settings) checkNetwork() []error {
	var errs []error
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		errs = append(errs, errors.New("ADDR must be host:port, such as 127.0.0.1:8080"))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		errs = append(errs, errors.New("ADDR must end in a port number"))
	}
	if s.Port != 0 {
		s.Addr = net.JoinHostPort(host, strconv.Itoa(int(s.Port)))
	}
	if s.BaseDomain == "" && s.embedded() {
		s.BaseDomain = "localhost"
	}
	if s.BaseDomain == "" {
		return append(errs, errors.New("BASE_DOMAIN must be set along with DATABASE_URL"))
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
	for name, text := range map[string]string{"DATABASE_URL": s.DatabaseURL, "DATABASE_OWNER_URL": s.DatabaseOwnerURL} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.User.Username() == "" {
			errs = append(errs, fmt.Errorf("%s must be postgres://role:password@host:port/database", name))
		}
	}
	if s.embedded() && s.DatabaseOwnerURL != "" {
		errs = append(errs, errors.New("DATABASE_OWNER_URL is set, but DATABASE_URL is not"))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

func (s *settings) checkIdentity() []error {
	var missing []string
	for _, v := range [][2]string{{"ISSUER", s.Issuer}, {"AUDIENCE", s.Audience}, {"JWKS_URL", s.JWKSURL}} {
		if v[1] == "" {
			missing = append(missing, v[0])
		}
	}
	if len(missing) > 0 && (len(missing) < 3 || !s.embedded()) {
		return []error{fmt.Errorf("%s must be set too: tokens are verified by ISSUER, AUDIENCE and JWKS_URL together", strings.Join(missing, " and "))}
	}
	if s.JWKSURL == "" {
		return nil
	}
	u, err := url.Parse(s.JWKSURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname()))) {
		return []error{errors.New("JWKS_URL must be an https URL (http only for a loopback address): whoever can change the keys can make tokens")}
	}
	return nil
}

func (s *settings) checkLimits() []error {
	var errs []error
	for name, d := range map[string]time.Duration{
		"STATEMENT_TIMEOUT": s.StatementTimeout, "READ_HEADER_TIMEOUT": s.ReadHeaderTimeout, "READ_TIMEOUT": s.ReadTimeout,
		"WRITE_TIMEOUT": s.WriteTimeout, "IDLE_TIMEOUT": s.IdleTimeout, "SHUTDOWN_TIMEOUT": s.ShutdownTimeout,
		"TENANT_CACHE_EXPIRY": s.TenantCacheExpiry,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("%s must be positive, such as 10s", name))
		}
	}
	if s.StatementTimeout > 0 && (s.StatementTimeout < time.Millisecond || s.StatementTimeout > maxStatementTimeout) {
		errs = append(errs, fmt.Errorf("STATEMENT_TIMEOUT must be between 1ms and %s, which is PostgreSQL's own limit", maxStatementTimeout))
	}
	if s.MaxBody <= 0 {
		errs = append(errs, errors.New("MAX_BODY must be positive"))
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

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

func typeWord(t reflect.Type) string {
	words := map[reflect.Type]string{
		reflect.TypeFor[time.Duration](): "a duration",
		reflect.TypeFor[bool]():          "true or false",
		reflect.TypeFor[slog.Level]():    "a level",
		reflect.TypeFor[networks]():      "a list of networks",
		reflect.TypeFor[uint16]():        "a port",
	}
	if word, ok := words[t]; ok {
		return word
	}
	return "a number"
}

// writeHelp lists every setting with its default.
func writeHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString("Usage: server [--help] [--reset]\n\n" +
		"Serves the API of openapi.yaml to tenants, each on its own host below BASE_DOMAIN.\n" +
		"With nothing set it starts a PostgreSQL of its own with two demo tenants;\n" +
		"--reset makes these anew.\n\n" +
		"Settings, from the environment:\n")
	for field := range reflect.TypeFor[settings]().Fields() {
		tag := field.Tag
		fmt.Fprintf(&b, "  %-21s %s", tag.Get("env"), tag.Get("help"))
		if value := tag.Get("envDefault"); value != "" {
			fmt.Fprintf(&b, " [%s]", value)
		}
		b.WriteString("\n")
	}
	b.WriteString("\nGET /healthz tells that the process runs, GET /readyz that the database answers.\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write help: %w", err)
	}
	return nil
}
