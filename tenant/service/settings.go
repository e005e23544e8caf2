package service

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/limit"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/operator"
)

// settings are all that the environment decides. The help tag is what --help says.
type settings struct {
	Addr string `env:"ADDR" help:"address to listen on; unset: 127.0.0.1:8080, or :8080 with DATABASE_URL"`
	Port uint16 `env:"PORT" help:"replaces the port of ADDR"`

	DatabaseURL       string        `env:"DATABASE_URL"        help:"connection string of the runtime role; unset: an embedded PostgreSQL with demo tenants"`
	DatabaseOwnerURL  string        `env:"DATABASE_OWNER_URL"  help:"connection string of the owner role; set: the shared schema is installed at start, and a worker does what requests have asked for"`
	DatabaseListenURL string        `env:"DATABASE_LISTEN_URL" help:"connection string of the runtime role past a transaction pooler, to hear of changes of tenants; unset: DATABASE_URL"`
	DatabaseMaxConns  int32         `env:"DATABASE_MAX_CONNS"  envDefault:"8"                                                                                                                           help:"connections to the database at most, beside one for /readyz and one that listens"`
	DatabaseUnnamed   bool          `env:"DATABASE_UNNAMED"    help:"true behind a transaction pooler that knows no prepared statements"`
	StatementTimeout  time.Duration `env:"STATEMENT_TIMEOUT"   envDefault:"10s"                                                                                                                         help:"how long one statement of a tenant may run"`
	TenantCacheExpiry time.Duration `env:"TENANT_CACHE_EXPIRY" envDefault:"5s"                                                                                                                          help:"how long answers of the registry are remembered; a change of a tenant is heard of at once, and served within 1s in any case"`

	BaseDomain     string    `env:"BASE_DOMAIN"     help:"tenants are one label below it; localhost unless DATABASE_URL is set"`
	APIHosts       hostNames `env:"API_HOSTS"       help:"hosts that name no tenant, beside BASE_DOMAIN, such as api.app.example"`
	TenantFrom     sources   `env:"TENANT_FROM"     envDefault:"subdomain"                                                                                                    help:"what names a request's tenant: subdomain, domain (its own, verified), header, path, token; several after commas, which must agree"`
	TenantHeader   string    `env:"TENANT_HEADER"   envDefault:"X-Tenant"                                                                                                     help:"header in which TRUSTED_PROXIES tell the tenant's slug"`
	TenantPath     string    `env:"TENANT_PATH"     envDefault:"/t/"                                                                                                          help:"what stands in front of the tenant's slug in paths"`
	TrustedProxies networks  `env:"TRUSTED_PROXIES" help:"networks whose X-Forwarded-Host, X-Forwarded-For and TENANT_HEADER count, such as 10.0.0.0/8,fd00::/8; unset: none"`
	DomainResolver string    `env:"DOMAIN_RESOLVER" help:"DNS server that custom domains are looked up at, such as 192.0.2.53:53; unset: the system's"`
	DomainPrivate  bool      `env:"DOMAIN_PRIVATE"  help:"true where custom domains may have private addresses"`
	TLSAskAddr     string    `env:"TLS_ASK_ADDR"    help:"address for a proxy alone, such as 127.0.0.1:8081, to ask for which hosts it may get certificates; unset: none"`
	CORSOrigins    origins   `env:"CORS_ORIGINS"    help:"origins whose pages may call the API, such as https://app.example,https://*.app.example; * is all; unset: none"`
	Docs           *bool     `env:"DOCS"            help:"whether /docs/, /openapi.yaml and /openapi.json are served; unset: true unless DATABASE_URL is set"`

	Issuer        string        `env:"ISSUER"         help:"iss of the tokens; unset in embedded mode: tokens of a local key"`
	Audience      string        `env:"AUDIENCE"       help:"aud of the tokens"`
	JWKSURL       string        `env:"JWKS_URL"       help:"where the issuer's public keys are; unset: where its discovery says (ISSUER/.well-known/openid-configuration)"`
	IssuerPrivate bool          `env:"ISSUER_PRIVATE" help:"true where issuers of single tenants may have private addresses; ISSUER may in any case"`
	TokenAlgs     algorithms    `env:"TOKEN_ALGS"     envDefault:"EdDSA,ES256,RS256"                                                                                                       help:"algorithms of tokens that are accepted; of key pairs alone"`
	ClockSkew     time.Duration `env:"CLOCK_SKEW"     envDefault:"30s"                                                                                                                     help:"how far an issuer's clock may be from this one"`
	TenantClaim   string        `env:"TENANT_CLAIM"   envDefault:"tenant"                                                                                                                  help:"claim that holds the tenant's id; app.tenant is one within another"`
	SubjectClaim  string        `env:"SUBJECT_CLAIM"  envDefault:"sub"                                                                                                                     help:"claim that holds the caller's subject"`
	ScopeClaim    string        `env:"SCOPE_CLAIM"    help:"claim that holds scopes: what it lacks a token can't do, whatever its member may; unset: tokens have none"`
	OpenLimit     limit.Policy  `env:"OPEN_LIMIT"     envDefault:"600/1m"                                                                                                                  help:"requests of one client address to what tenants leave open to all, such as accepting an invitation, for each server"`
	SecretKeys    keyText       `env:"SECRET_KEYS"    help:"id:base64 of 32 bytes, more after commas; the first seals and signs, all open and verify; unset in embedded mode: a local key"`

	MailURL mailURL `env:"MAIL_URL" help:"smtp://user:password@host:587?from=service@app.example sends mail; unset in embedded mode: the log shows it"`

	Signup             *onOff        `env:"SIGNUP"               help:"on lets people sign up for a tenant, which is made where DATABASE_OWNER_URL is set; unset: off with DATABASE_URL"`
	SignupLink         string        `env:"SIGNUP_LINK"          help:"page where people confirm, with {token} and maybe {id} in it; unset: the mail holds the token alone"`
	SignupExpiry       time.Duration `env:"SIGNUP_EXPIRY"        envDefault:"24h"                                                                                                        help:"how long a sign-up can be confirmed"`
	SignupAddressLimit limit.Policy  `env:"SIGNUP_ADDRESS_LIMIT" envDefault:"10/1h"                                                                                                      help:"sign-ups of one client address, for each server"`
	SignupEmailLimit   limit.Policy  `env:"SIGNUP_EMAIL_LIMIT"   envDefault:"3/1h"                                                                                                       help:"sign-ups for one e-mail address, for each server"`

	OperatorAddr string        `env:"OPERATOR_ADDR" help:"address of the operator API, such as 127.0.0.1:9090, which only operators should reach; unset: none"`
	OperatorKeys operator.Keys `env:"OPERATOR_KEYS" help:"who may operate: entries of bailiwick operator-key NAME, separated by commas"`

	BillingSecrets webhookSecrets `env:"BILLING_SECRETS" help:"secrets of the payment provider's webhook at /webhooks/billing, separated by commas: two while one is replaced; unset: no webhook"`
	BillingGrace   time.Duration  `env:"BILLING_GRACE"   envDefault:"336h"                                                                                                                        help:"how long a tenant is served after a payment has failed or its trial has ended, where DATABASE_OWNER_URL is set"`

	AutoPurge bool `env:"AUTO_PURGE" help:"true deletes offboarded tenants for good once their grace is over, where DATABASE_OWNER_URL is set"`

	Release          string        `env:"RELEASE"           help:"version under which this build is registered for rollouts; unset: what the build knows of itself"`
	ReleaseHeartbeat time.Duration `env:"RELEASE_HEARTBEAT" envDefault:"10s"                                                                                        help:"how often the release is registered anew"`
	ReleaseExpiry    time.Duration `env:"RELEASE_EXPIRY"    envDefault:"60s"                                                                                        help:"how long a rollout heeds a release that is not registered anew"`

	LogLevel  slog.Level `env:"LOG_LEVEL"  envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR"`
	LogFormat string     `env:"LOG_FORMAT" envDefault:"auto" help:"json, text, or auto: json unless stderr is a terminal"`

	MaxBody           int64         `env:"MAX_BODY"            envDefault:"10485760"   help:"bytes of a request's body at most, unless the document says otherwise"`
	MaxSpooled        int64         `env:"MAX_SPOOLED"         envDefault:"1073741824" help:"bytes of large bodies, compressed, that are held in the folder for temporary files at most; one tenant's are a quarter of that"`
	ReadHeaderTimeout time.Duration `env:"READ_HEADER_TIMEOUT" envDefault:"5s"         help:"time for a request's header"`
	ReadTimeout       time.Duration `env:"READ_TIMEOUT"        envDefault:"30s"        help:"time for a whole request"`
	WriteTimeout      time.Duration `env:"WRITE_TIMEOUT"       envDefault:"60s"        help:"time for handling a request and writing the response"`
	IdleTimeout       time.Duration `env:"IDLE_TIMEOUT"        envDefault:"120s"       help:"how long an idle connection is kept"`
	ShutdownTimeout   time.Duration `env:"SHUTDOWN_TIMEOUT"    envDefault:"8s"         help:"how long running requests may take to end at shutdown; Cloud Run kills after 10s"`
}

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

// keyText is SECRET_KEYS, read. Its zero value is an unset one.
type keyText struct{ ring *keyring.Keyring }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *keyText) UnmarshalText(text []byte) (err error) {
	k.ring, err = keyring.Parse(string(text))
	return err
}

// mailURL is MAIL_URL, read. Its zero value is an unset one.
type mailURL struct{ send mail.Sender }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *mailURL) UnmarshalText(text []byte) (err error) {
	m.send, err = mail.SMTP(string(text))
	return err
}

// webhookSecrets are BILLING_SECRETS.
type webhookSecrets []string

// minSecret is shorter than any secret that a payment provider makes.
const minSecret = 16

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *webhookSecrets) UnmarshalText(text []byte) error {
	*w = nil
	for part := range strings.SplitSeq(string(text), ",") {
		secret := strings.TrimSpace(part)
		if len(secret) < minSecret {
			return fmt.Errorf("each secret must have at least %d characters", minSecret)
		}
		*w = append(*w, secret)
	}
	return nil
}

// onOff is a switch.
type onOff bool

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *onOff) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on", "true":
		*o = true
	case "off", "false":
		*o = false
	default:
		return errors.New("on or off")
	}
	return nil
}

// algorithms are names of those that tokens may be signed by.
type algorithms []string

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *algorithms) UnmarshalText(text []byte) error {
	*a = nil
	for part := range strings.SplitSeq(string(text), ",") {
		name := strings.TrimSpace(part)
		if err := identity.CheckAlgorithm(name); err != nil {
			return err
		}
		*a = append(*a, name)
	}
	return nil
}

// signup tells whether people can sign up.
func (s *settings) signup() bool {
	if s.Signup != nil {
		return bool(*s.Signup)
	}
	return s.embedded()
}

// embedded tells whether the service brings its own database.
func (s *settings) embedded() bool { return s.DatabaseURL == "" }

// localKey tells whether tokens are those of the embedded mode's own key.
func (s *settings) localKey() bool { return s.Issuer == "" }

// docs tells whether the document is served.
func (s *settings) docs() bool {
	if s.Docs != nil {
		return *s.Docs
	}
	return s.embedded()
}

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
	errs = append(errs, s.checkRouting()...)
	errs = append(errs, s.checkDatabase()...)
	errs = append(errs, s.checkOperator()...)
	if values["SECRET_KEYS"] == "" {
		errs = append(errs, s.checkKeys()...)
	}
	errs = append(errs, s.checkIdentity()...)
	errs = append(errs, s.checkLimits()...)
	if len(errs) > 0 {
		return nil, fmt.Errorf("settings: %w", errors.Join(errs...))
	}
	return s, nil
}

// explains is a type whose own errors help, and hold nothing of the value.
var explains = map[reflect.Type]bool{
	reflect.TypeFor[keyText](): true, reflect.TypeFor[origins](): true, reflect.TypeFor[sources](): true, reflect.TypeFor[hostNames](): true,
	reflect.TypeFor[algorithms](): true, reflect.TypeFor[mailURL](): true, reflect.TypeFor[limit.Policy](): true, reflect.TypeFor[operator.Keys](): true,
	reflect.TypeFor[webhookSecrets](): true,
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
		if explains[parse.Type] {
			errs = append(errs, fmt.Errorf("%s: %w", name, parse.Err))
			continue
		}
		errs = append(errs, fmt.Errorf("%s can't be read as %s (%s)", name, typeWord(parse.Type), help))
	}
	return errs
}

func typeWord(t reflect.Type) string {
	words := map[reflect.Type]string{
		reflect.TypeFor[time.Duration](): "a duration",
		reflect.TypeFor[bool]():          "true or false",
		reflect.TypeFor[*bool]():         "true or false",
		reflect.TypeFor[*onOff]():        "on or off",
		reflect.TypeFor[slog.Level]():    "a level",
		reflect.TypeFor[networks]():      "a list of networks",
		reflect.TypeFor[uint16]():        "a port",
	}
	if word, ok := words[t]; ok {
		return word
	}
	return "a number"
}
