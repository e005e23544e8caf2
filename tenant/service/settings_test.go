package service_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
)

func TestDefaultsAreThoseOfTheEmbeddedMode(t *testing.T) {
	t.Parallel()
	s, err := service.ReadSettings([]string{"HOME=/x", "DATABASE_URL=", "ISSUER="})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Embedded() || !s.LocalKey() || s.Addr != "127.0.0.1:8080" || s.BaseDomain != "localhost" || s.StatementTimeout != 10*time.Second || s.TrustedProxies != nil || !s.ServesDocs() {
		t.Fatalf("%+v", s)
	}
}

func TestConfiguredMode(t *testing.T) {
	t.Parallel()
	s, err := service.ReadSettings([]string{
		"ADDR=0.0.0.0:80", "PORT=9000", "DATABASE_URL=postgres://app:x@db/main", "DATABASE_UNNAMED=true", "BASE_DOMAIN=App.Example.",
		"ISSUER=https://id.example", "AUDIENCE=api", "JWKS_URL=https://id.example/keys", "TRUSTED_PROXIES=10.0.0.0/8, ::1/128", "LOG_LEVEL=debug",
		"SECRET_KEYS=" + keyring.Generate("2026-02") + "," + keyring.Generate("2026-01"), "CORS_ORIGINS=https://app.example, https://*.app.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Embedded() || s.LocalKey() || s.Addr != "0.0.0.0:9000" || s.BaseDomain != "app.example" || len(s.TrustedProxies) != 2 || !s.DatabaseUnnamed ||
		s.Keys() != "keyring(2026-02, 2026-01)" || s.ServesDocs() {
		t.Fatalf("%+v", s)
	}
}

func TestEverySettingErrorIsReportedAtOnceWithoutItsValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ environ, want []string }{
		"configured mode needs the rest": {
			[]string{"DATABASE_URL=postgres://app@db/main"},
			[]string{"BASE_DOMAIN must be set", "ISSUER and AUDIENCE must be set", `SECRET_KEYS must be set`, `printf 'k1:%s\n' "$(openssl rand -base64 32)"`},
		},
		"half an issuer":                        {[]string{"ISSUER=https://id.example"}, []string{"ISSUER and AUDIENCE must be set together"}},
		"keys of nobody":                        {[]string{"JWKS_URL=https://id.example/keys"}, []string{"ISSUER and AUDIENCE must be set"}},
		"an issuer that is not asked over TLS":  {[]string{"ISSUER=http://id.example", "AUDIENCE=api"}, []string{"ISSUER must be an https URL", "JWKS_URL"}},
		"an issuer that is no URL":              {[]string{"ISSUER=id.example", "AUDIENCE=api"}, []string{"ISSUER must be an https URL"}},
		"a shared secret":                       {[]string{"TOKEN_ALGS=ES256, HS256"}, []string{`TOKEN_ALGS: "HS256" is no algorithm of a key pair`}},
		"no signature":                          {[]string{"TOKEN_ALGS=none"}, []string{`TOKEN_ALGS: "none" is no algorithm of a key pair`}},
		"a clock that is wrong":                 {[]string{"CLOCK_SKEW=1h"}, []string{"CLOCK_SKEW must be between"}},
		"a release that ends between two beats": {[]string{"RELEASE_HEARTBEAT=40s"}, []string{"RELEASE_EXPIRY must be at least twice"}},
		"no time at all":                        {[]string{"RELEASE_HEARTBEAT=0s", "RELEASE_EXPIRY=-1s"}, []string{"RELEASE_HEARTBEAT must", "RELEASE_EXPIRY must"}},
		"operators without anything": {
			[]string{"DATABASE_URL=postgres://app@db/main", "OPERATOR_ADDR=9090"},
			[]string{"OPERATOR_ADDR must be host:port", "OPERATOR_KEYS must be set along", "bailiwick operator-key NAME", "DATABASE_OWNER_URL must be set along with OPERATOR_ADDR"},
		},
		"sign-up": {
			[]string{"SIGNUP=s3cret", "SIGNUP_LINK=https://s3cret.example", "SIGNUP_EXPIRY=0s", "SIGNUP_ADDRESS_LIMIT=s3cret", "SIGNUP_EMAIL_LIMIT=3", "MAIL_URL=smtp://s3cret:s3cret@", "OPERATOR_KEYS=ann:s3cret", "AUTO_PURGE=s3cret"},
			[]string{"SIGNUP can't be read as on or off", "SIGNUP_EXPIRY must", "SIGNUP_ADDRESS_LIMIT: limit: want times/duration", "SIGNUP_EMAIL_LIMIT", "MAIL_URL: want smtp://", "OPERATOR_KEYS: entry 1", "AUTO_PURGE can't be read as true or false"},
		},
		"billing":              {[]string{"BILLING_SECRETS=whsec_0123456789,s3cret", "BILLING_GRACE=0s"}, []string{"BILLING_SECRETS: each secret must have at least 16", "BILLING_GRACE must"}},
		"a header from nobody": {[]string{"TENANT_FROM=header,path"}, []string{"TRUSTED_PROXIES must be set when TENANT_FROM has header"}},
		"ways to name tenants": {
			[]string{"TENANT_FROM=subdomain,s3cret", "API_HOSTS=api.example,s3cret:80", "TENANT_HEADER=Authorization", "TENANT_PATH=/", "TLS_ASK_ADDR=s3cret", "DOMAIN_RESOLVER=s3cret", "DOMAIN_PRIVATE=s3cret", "ISSUER_PRIVATE=s3cret", "DATABASE_LISTEN_URL=mysql://s3cret@db"},
			[]string{"TENANT_FROM: each must be one of", "API_HOSTS: each must be a DNS name", "TENANT_HEADER must", "TENANT_PATH must", "TLS_ASK_ADDR must", "DOMAIN_RESOLVER must", "DOMAIN_PRIVATE can't be read as true or false", "ISSUER_PRIVATE can't be read as true or false", "DATABASE_LISTEN_URL must", "DATABASE_LISTEN_URL is set, but"},
		},
		"a link that leads nowhere": {[]string{"SIGNUP_LINK=https://app.example"}, []string{"SIGNUP_LINK must hold {token}"}},
		"owner alone":               {[]string{"DATABASE_OWNER_URL=postgres://own@db/main"}, []string{"DATABASE_URL is not"}},
		"all of them": {
			[]string{
				"ADDR=s3cret", "PORT=s3cret", "DATABASE_URL=mysql://s3cret@db", "DATABASE_OWNER_URL=postgres://db:s3cret", "DATABASE_MAX_CONNS=s3cret",
				"DATABASE_UNNAMED=s3cret", "STATEMENT_TIMEOUT=s3cret", "BASE_DOMAIN=s3cret:80", "TRUSTED_PROXIES=s3cret", "ISSUER=i", "AUDIENCE=a",
				"JWKS_URL=http://s3cret.example/keys", "LOG_LEVEL=s3cret", "LOG_FORMAT=s3cret", "MAX_BODY=-1", "READ_TIMEOUT=-1s", "IDLE_TIMEOUT=0s",
				"SECRET_KEYS=s3cret", "CORS_ORIGINS=https://a.example,s3cret", "DOCS=s3cret",
			},
			[]string{
				"ADDR must", "PORT can't be read as a port", "DATABASE_URL must", "DATABASE_OWNER_URL must", "DATABASE_MAX_CONNS can't be read as a number",
				"DATABASE_UNNAMED can't be read as true or false", "STATEMENT_TIMEOUT can't be read as a duration", "BASE_DOMAIN must",
				"TRUSTED_PROXIES can't be read as a list of networks", "JWKS_URL must", "LOG_LEVEL can't be read as a level", "LOG_FORMAT must",
				"MAX_BODY must", "READ_TIMEOUT must", "IDLE_TIMEOUT must",
				"SECRET_KEYS: secret key 1: has no colon", "CORS_ORIGINS: each origin must be", "DOCS can't be read as true or false",
			},
		},
	} {
		_, err := service.ReadSettings(c.environ)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is missing in:\n%v", name, want, err)
			}
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: a value is shown:\n%v", name, err)
		}
	}
}

func TestStatementTimeoutIsOneThatPostgreSQLTakes(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"1ms": true, "10s": true, "2147483647ms": true,
		"999us": false, "1ns": false, "2147483648ms": false, "600h": false, "0s": false, "-1s": false,
	} {
		_, err := service.ReadSettings([]string{"STATEMENT_TIMEOUT=" + value})
		if (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "STATEMENT_TIMEOUT must be")) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t, &out, []string{"--help"}, "PORT=bad"); err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[service.Settings]().Fields() {
		tag := field.Tag
		if tag.Get("help") == "" || !strings.Contains(out.String(), "\n  "+tag.Get("env")+" ") {
			t.Errorf("%s is not explained", field.Name)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t, &out, []string{"--port=1"}); err == nil || !strings.Contains(err.Error(), "--help") {
		t.Errorf("%v", err)
	}
	environ := []string{"DATABASE_URL=postgres://app@db/x", "BASE_DOMAIN=app.example", "ISSUER=i", "AUDIENCE=a", "JWKS_URL=https://id.example/keys", "SECRET_KEYS=" + keyring.Generate("k")}
	if err := run(t, &out, []string{"--reset"}, environ...); err == nil || !strings.Contains(err.Error(), "embedded database alone") {
		t.Errorf("%v", err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	configured := []string{
		"DATABASE_URL=host=/cloudsql/project:region:instance user=app password=x dbname=main", "BASE_DOMAIN=app.example",
		"ISSUER=i", "AUDIENCE=a", "JWKS_URL=https://id.example/keys", "SECRET_KEYS=" + keyring.Generate("k"),
	}
	for want, environ := range map[string][]string{
		"127.0.0.1:8080": nil,
		"127.0.0.1:9":    {"PORT=9"},
		":8080":          configured,
		":9":             append([]string{"PORT=9"}, configured...),
		"[::1]:9":        append([]string{"PORT=9", "ADDR=[::1]:80"}, configured...),
	} {
		if s, err := service.ReadSettings(environ); err != nil || s.Addr != want {
			t.Errorf("want %s: %+v, %v", want, s, err)
		}
	}
}

func TestDocsSetting(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": true, "true": true, "false": false} {
		if s, err := service.ReadSettings([]string{"DOCS=" + value}); err != nil || s.ServesDocs() != want {
			t.Errorf("%q: %v", value, err)
		}
	}
}
