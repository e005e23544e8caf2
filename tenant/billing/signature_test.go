package billing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/billing"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// TestSignVector holds the signature against one that openssl made:
//
//	printf '1777636800.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
func TestSignVector(t *testing.T) {
	t.Parallel()
	const want = "t=1777636800,v1=09f07f881d5dfc986a6de6a3c60075e1eb11c1378be442c4372e33875bcfab56"
	if got := billing.Sign("whsec_test", noon, []byte(`{"id":"evt_1"}`)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	body := []byte(`{"id":"evt_1"}`)
	good := billing.Sign("new", noon, body)
	_, mac, _ := strings.Cut(good, "v1=")
	for name, c := range map[string]struct {
		header string
		now    time.Time
		body   string
		want   string
	}{
		"valid":                     {good, noon, string(body), ""},
		"valid for the old secret":  {billing.Sign("old", noon, body), noon, string(body), ""},
		"at the end of its time":    {good, noon.Add(billing.Tolerance), string(body), ""},
		"of two signatures one":     {good + ",v1=" + strings.Repeat("00", 32) + ",v0=aa", noon, string(body), ""},
		"too old":                   {good, noon.Add(billing.Tolerance + time.Second), string(body), "too old"},
		"of the future":             {good, noon.Add(-billing.Tolerance - time.Second), string(body), "too old"},
		"another secret":            {billing.Sign("other", noon, body), noon, string(body), "not valid"},
		"another body":              {good, noon, `{"id":"evt_2"}`, "not valid"},
		"another time, not signed":  {"t=1777636801,v1=" + mac, noon, string(body), "not valid"},
		"two times":                 {"t=1777636800," + good, noon, string(body), "not valid"},
		"no time":                   {"v1=" + mac, noon, string(body), "not valid"},
		"no signature":              {"t=1777636800", noon, string(body), "not valid"},
		"a part of the signature":   {good[:len(good)-2], noon, string(body), "not valid"},
		"an empty signature":        {"t=1777636800,v1=", noon, string(body), "not valid"},
		"another scheme":            {"t=1777636800,v0=" + mac, noon, string(body), "not valid"},
		"nothing":                   {"", noon, string(body), "not valid"},
		"more signatures than read": {"t=1777636800" + strings.Repeat(",v1=00", 8) + ",v1=" + mac, noon, string(body), "not valid"},
	} {
		err := billing.Verify(c.header, []string{"new", "old"}, c.now, []byte(c.body))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if billing.Verify(billing.Sign("", noon, body), nil, noon, body) == nil {
		t.Error("without secrets a signature by the empty one is valid")
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("t=1777636800,v1=00")
	f.Add(billing.Sign("other", noon, []byte("body")))
	f.Fuzz(func(t *testing.T, header string) {
		if billing.Verify(header, []string{"secret"}, noon, []byte("body")) == nil && header != billing.Sign("secret", noon, []byte("body")) &&
			!strings.Contains(header, strings.TrimPrefix(billing.Sign("secret", noon, []byte("body")), "t=1777636800,")) {
			t.Errorf("%q is taken for a signature", header)
		}
	})
}
