package billing_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
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
		"two times, one empty":      {"t=," + good, noon, string(body), "not valid"},
		"a part without value":      {"t," + good, noon, string(body), "not valid"},
		"a part of nothing":         {good + ",", noon, string(body), "not valid"},
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

// FuzzVerify: a header is taken when one of its signatures is ours, of the one time
// that it says and of this body, and only then.
func FuzzVerify(f *testing.F) {
	f.Add("t=1777636800,v1=00", "body", int64(0))
	f.Add(billing.Sign("other", noon, []byte("body")), "body", int64(0))
	f.Add(billing.Sign("secret", noon, []byte("body")), "body", int64(300))
	f.Fuzz(func(t *testing.T, header, body string, seconds int64) {
		secrets := []string{"secret"}
		if got, want := billing.Verify(header, secrets, noon, []byte(body)) == nil, signed(header, body); got != want {
			t.Errorf("%q is taken for a signature of %q: %t", header, body, got)
		}
		at := time.Unix(seconds, 0)
		age := noon.Sub(at).Abs()
		own := billing.Sign("secret", at, []byte(body))
		if taken := billing.Verify(own, secrets, noon, []byte(body)) == nil; taken != (age <= billing.Tolerance) {
			t.Errorf("%s, signed %s from now, is taken: %t", own, age, taken)
		}
		for what, err := range map[string]error{
			"another body":          billing.Verify(own, secrets, at, []byte(body+"x")),
			"another secret":        billing.Verify(own, []string{"other", ""}, at, []byte(body)),
			"another time in front": billing.Verify("t=1777636800,"+own, secrets, noon, []byte(body)),
			"another time behind":   billing.Verify(own+",t=1777636800", secrets, noon, []byte(body)),
		} {
			if err == nil {
				t.Errorf("%s, with %s, is taken", own, what)
			}
		}
	})
}

// signed tells in a way of its own whether a header signs a body.
func signed(header, body string) bool {
	var at []string
	tried, found := 0, false
	for part := range strings.SplitSeq(header, ",") {
		if !strings.Contains(part, "=") {
			return false
		}
		if value, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok {
			at = append(at, value)
		}
	}
	if len(at) != 1 {
		return false
	}
	seconds, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil || time.Unix(seconds, 0).Sub(noon).Abs() > billing.Tolerance {
		return false
	}
	m := hmac.New(sha256.New, []byte("secret"))
	m.Write([]byte(at[0] + "." + body))
	want := hex.EncodeToString(m.Sum(nil))
	for part := range strings.SplitSeq(header, ",") {
		value, ok := strings.CutPrefix(strings.TrimSpace(part), "v1=")
		if _, err := hex.DecodeString(value); !ok || err != nil {
			continue
		}
		tried++
		found = found || tried <= 8 && strings.ToLower(value) == want
	}
	return found
}
