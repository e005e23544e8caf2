package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/mail"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, key := a.sign(t, a.cert)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	return a
}

// sign makes a certificate for a new key; that of the authority itself at first.
func (a *authority) sign(t *testing.T, template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// server is what a server needs for TLS as a host, until some time.
func (a *authority) server(t *testing.T, host string, until time.Time) *tls.Config {
	t.Helper()
	der, key := a.sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotAfter: until})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

const (
	relayHost = "mail.example"
	relayURL  = "://user:s3cret@" + relayHost + "?from=service@app.example"
)

// invitation is a mail with a secret.
var invitation = mail.Message{ID: "signup-7", To: "kim@acme.example", Subject: "Hello", Text: "The token is 1234.\n"}

// With TLS nobody on the way sees more than that there is mail.
func TestSMTPIsSecret(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	later := time.Now().Add(time.Hour)
	for scheme, c := range map[string]struct {
		server server
		clear  []string
	}{
		"smtp":  {server{auth: true, tls: a.server(t, relayHost, later)}, []string{"EHLO localhost", "STARTTLS"}},
		"smtps": {server{auth: true, tls: a.server(t, relayHost, later), implicit: true}, nil},
	} {
		addr, got := c.server.start(t)
		m, err := mail.SMTPAt(scheme+relayURL, addr, a.roots())
		if err != nil {
			t.Fatal(err)
		}
		if err := m(t.Context(), invitation); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
		told := got()
		if diff := cmp.Diff(c.clear, told.clear); diff != "" {
			t.Errorf("%s: in clear (-want +got):\n%s", scheme, diff)
		}
		if secret := strings.Join(told.secret, "\n"); !strings.Contains(secret, "AUTH PLAIN ") || !strings.Contains(told.message, "The token is 1234.") {
			t.Errorf("%s: %s\n%s", scheme, secret, told.message)
		}
	}
}

// Who is in between, and takes STARTTLS out of the conversation or answers in the
// server's place, gets neither the password nor the mail.
func TestSMTPWithoutTrust(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	good := a.server(t, relayHost, later)
	outdated := good.Clone()
	outdated.MinVersion, outdated.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	unknown, misnamed, old := other.server(t, relayHost, later), a.server(t, "mail.other.example", later), a.server(t, relayHost, time.Now().Add(-time.Minute))
	for name, c := range map[string]struct {
		scheme string
		server server
		want   string
	}{
		"no STARTTLS":                 {"smtp", server{}, "offers no STARTTLS"},
		"no EHLO":                     {"smtp", server{tls: good, old: true}, "offers no STARTTLS"},
		"STARTTLS refused":            {"smtp", server{tls: good, starttls: "454 not now"}, "answered 454"},
		"no TLS after all":            {"smtp", server{tls: good, starttls: "220 go ahead\r\n250 ok"}, ""},
		"an unknown authority":        {"smtp", server{tls: unknown}, "unknown authority"},
		"another host":                {"smtp", server{tls: misnamed}, "not " + relayHost},
		"an old certificate":          {"smtp", server{tls: old}, "expired"},
		"an old TLS":                  {"smtp", server{tls: outdated}, "protocol version"},
		"smtps, no TLS":               {"smtps", server{}, ""},
		"smtps, an unknown authority": {"smtps", server{tls: unknown, implicit: true}, "unknown authority"},
		"smtps, another host":         {"smtps", server{tls: misnamed, implicit: true}, "not " + relayHost},
		"smtps, an old certificate":   {"smtps", server{tls: old, implicit: true}, "expired"},
		"smtps, an old TLS":           {"smtps", server{tls: outdated, implicit: true}, "protocol version"},
	} {
		c.server.auth = true
		addr, got := c.server.start(t)
		m, err := mail.SMTPAt(c.scheme+relayURL, addr, a.roots())
		if err != nil {
			t.Fatal(err)
		}
		err = m(t.Context(), invitation)
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		told := got()
		for _, line := range append(told.clear, told.secret...) {
			if word, _, _ := strings.Cut(line, " "); word == "AUTH" || word == "MAIL" || word == "RCPT" || word == "DATA" {
				t.Errorf("%s: it was told %s", name, line)
			}
		}
	}
}

// Once a server has taken a mail it is sent, however the conversation ends: who was
// told otherwise would send it again.
func TestSMTPOfRudeServer(t *testing.T) {
	t.Parallel()
	addr, got := server{rude: true}.start(t)
	m, err := mail.SMTP("smtp://" + addr + "?from=service@app.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := m(t.Context(), invitation); err != nil || got().message == "" {
		t.Errorf("it was taken: %v", err)
	}
}
