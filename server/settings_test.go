package main

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDefaultsAreThoseOfTheEmbeddedMode(t *testing.T) {
	t.Parallel()
	s, err := readSettings([]string{"HOME=/x", "DATABASE_URL=", "ISSUER="})
	if err != nil {
		t.Fatal(err)
	}
	if !s.embedded() || !s.localKey() || s.Addr != "127.0.0.1:8080" || s.BaseDomain != "localhost" || s.StatementTimeout != 10*time.Second || s.TrustedProxies != nil {
		t.Fatalf("%+v", s)
	}
}

func TestConfiguredMode(t *testing.T) {
	t.Parallel()
	s, err := readSettings([]string{
		"ADDR=0.0.0.0:80", "PORT=9000", "DATABASE_URL=postgres://app:x@db/main", "DATABASE_UNNAMED=true", "BASE_DOMAIN=App.Example.",
		"ISSUER=https://id.example", "AUDIENCE=api", "JWKS_URL=https://id.example/keys", "TRUSTED_PROXIES=10.0.0.0/8, ::1/128", "LOG_LEVEL=debug",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.embedded() || s.localKey() || s.Addr != "0.0.0.0:9000" || s.BaseDomain != "app.example" || len(s.TrustedProxies) != 2 || !s.DatabaseUnnamed {
		t.Fatalf("%+v", s)
	}
}

func TestEverySettingErrorIsReportedAtOnceWithoutItsValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ environ, want []string }{
		"configured mode needs the rest": {
			[]string{"DATABASE_URL=postgres://app@db/main"},
			[]string{"BASE_DOMAIN must be set", "ISSUER and AUDIENCE and JWKS_URL must be set too"},
		},
		"half an issuer": {[]string{"ISSUER=https://id.example"}, []string{"AUDIENCE and JWKS_URL must be set too"}},
		"owner alone":    {[]string{"DATABASE_OWNER_URL=postgres://own@db/main"}, []string{"DATABASE_URL is not"}},
		"all of them": {
			[]string{
				"ADDR=s3cret", "PORT=s3cret", "DATABASE_URL=mysql://s3cret@db", "DATABASE_OWNER_URL=postgres://db:s3cret", "DATABASE_MAX_CONNS=s3cret",
				"DATABASE_UNNAMED=s3cret", "STATEMENT_TIMEOUT=s3cret", "BASE_DOMAIN=s3cret:80", "TRUSTED_PROXIES=s3cret", "ISSUER=i", "AUDIENCE=a",
				"JWKS_URL=http://s3cret.example/keys", "LOG_LEVEL=s3cret", "LOG_FORMAT=s3cret", "MAX_BODY=-1", "READ_TIMEOUT=-1s", "IDLE_TIMEOUT=0s",
			},
			[]string{
				"ADDR must", "PORT can't be read as a port", "DATABASE_URL must", "DATABASE_OWNER_URL must", "DATABASE_MAX_CONNS can't be read as a number",
				"DATABASE_UNNAMED can't be read as true or false", "STATEMENT_TIMEOUT can't be read as a duration", "BASE_DOMAIN must",
				"TRUSTED_PROXIES can't be read as a list of networks", "JWKS_URL must", "LOG_LEVEL can't be read as a level", "LOG_FORMAT must",
				"MAX_BODY must", "READ_TIMEOUT must", "IDLE_TIMEOUT must",
			},
		},
	} {
		_, err := readSettings(c.environ)
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
		_, err := readSettings([]string{"STATEMENT_TIMEOUT=" + value})
		if (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "STATEMENT_TIMEOUT must be")) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), []string{"--help"}, []string{"PORT=bad"}, &out, &out); err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[settings]().Fields() {
		tag := field.Tag
		if tag.Get("help") == "" || !strings.Contains(out.String(), "\n  "+tag.Get("env")+" ") {
			t.Errorf("%s is not explained", field.Name)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), []string{"--port=1"}, nil, &out, &out); err == nil || !strings.Contains(err.Error(), "--help") {
		t.Errorf("%v", err)
	}
	environ := []string{"DATABASE_URL=postgres://app@db/x", "BASE_DOMAIN=app.example", "ISSUER=i", "AUDIENCE=a", "JWKS_URL=https://id.example/keys"}
	if err := run(t.Context(), []string{"--reset"}, environ, &out, &out); err == nil || !strings.Contains(err.Error(), "embedded database alone") {
		t.Errorf("%v", err)
	}
}
