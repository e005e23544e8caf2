package attack_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// keyForm is what has the form of an API key, and is none.
const keyForm = "bw_aaaaaaaaaaaaaaaaaaaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// claimsOf are those of a token that is nobody's signature away from being good.
func claimsOf(tenant, subject string) map[string]any {
	return map[string]any{"iss": "issuer", "aud": []string{"api"}, "tenant": tenant, "sub": subject, "exp": time.Now().Add(time.Hour).Unix()}
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"ES256"}`)) + "." + part(text) + ".c2ln"
}

// notesFor answers who has one of two tokens, each at its own host, and nobody else.
func notesFor(a, b string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		of := map[string]string{"Bearer " + a: "acme", "Bearer " + b: "globex"}[r.Header.Get("Authorization")]
		switch {
		case of == "":
			w.WriteHeader(http.StatusUnauthorized)
		case of+".example" != r.Host:
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path != "/notes":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(`{"items": [{"id": "` + of + `"}]}`))
		}
	}
}

// TestWorthlessCredentials: what is refused whoever shows it proves nothing, and is
// never called safe.
func TestWorthlessCredentials(t *testing.T) {
	t.Parallel()
	a, b := unsigned(t, claimsOf("A", "ann")), unsigned(t, claimsOf("B", "ann"))
	s := httptest.NewServer(notesFor(a, b))
	defer s.Close()
	claim := func(name string, value any) string {
		claims := maps.Clone(claimsOf("A", "removed"))
		claims[name] = value
		return unsigned(t, claims)
	}
	later := claimsOf("A", "ann")
	later["iat"] = time.Now().Unix()
	for token, want := range map[string]string{
		"garbage": "it is no JWT", a: "it is Target.A.Token itself", b: "it is another tenant's",
		claim("tenant", []string{"A"}): `its claim "tenant" is not`, claim("iss", "another"): "its issuer is not",
		claim("aud", "another"): "its audience is not", unsigned(t, later): "its subject is that",
		claim("exp", time.Now().Add(-time.Minute).Unix()): "it has expired",
	} {
		for name, give := range map[string]func(*attack.Party){
			"Target.A.Removed": func(p *attack.Party) { p.Removed = token }, "Target.A.Limited": func(p *attack.Party) { p.Limited = token },
		} {
			target := parties(s.URL)
			target.A.Token, target.B.Token, target.Only = a, b, []int{6}
			give(&target.A)
			_, err := attack.Run(t.Context(), target)
			if err == nil || !strings.Contains(err.Error(), name+" is no token of A's: "+want) {
				t.Errorf("%v, want %s is no token of A's: %s", err, name, want)
			}
		}
	}
	target := parties(s.URL)
	target.A.Token, target.B.Token, target.Only = a, b, []int{6}
	target.A.Removed, target.A.RevokedKey = claim("aud", "api"), keyForm
	report, err := attack.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if report.Attempts() != 2 || len(report.Unsafe()) > 0 {
		t.Errorf("%s: %v", report.Summary(), report.Unsafe())
	}
	target.B.Key = keyForm
	if _, err = attack.Run(t.Context(), target); err == nil || !strings.Contains(err.Error(), "said to be good as well") {
		t.Error(err)
	}
	target.B.Key, target.A.Limited = "", target.A.Removed
	if _, err = attack.Run(t.Context(), target); err == nil || !strings.Contains(err.Error(), "Target.A.Limited is no member's token: GET /notes") {
		t.Error(err)
	}
}

// TestOperatorsListenerIsOne: what refuses everybody because it is something else
// says nothing of attack 42.
func TestOperatorsListenerIsOne(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(notesFor("a", "b"))
	defer s.Close()
	o := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer good" {
			_, _ = w.Write([]byte(`{"items": [], "next_after": null}`))
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="operator"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer o.Close()
	elsewhere := httptest.NewServer(notesFor("a", "b"))
	defer elsewhere.Close()
	for _, c := range []struct{ url, key, want string }{
		{elsewhere.URL, "good", "does not answer as an operator's listener: GET /v1/tenants without a key is 401 Unauthorized"},
		{o.URL, "garbage", "Target.OperatorKey is not good at Target.OperatorURL"},
		{o.URL, "", ""},
		{o.URL, "good", ""},
	} {
		target := parties(s.URL)
		target.Only, target.OperatorURL, target.OperatorKey = []int{42}, c.url, c.key
		report, err := attack.Run(t.Context(), target)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: %v", c, err)
		case err == nil && (len(report.Unsafe()) > 0 || report.Attempts() == 0):
			t.Errorf("%+v: %s: %v", c, report.Summary(), report.Unsafe())
		}
	}
}

// TestLogOfSomethingElse: a log without the requests holds no secret either.
func TestLogOfSomethingElse(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(notesFor("a", "b"))
	defer s.Close()
	for log, tried := range map[string]bool{"": false, "started\n": false, "GET /notes 200\n": true} {
		target := parties(s.URL)
		target.Only, target.Reaction = []int{41}, time.Millisecond
		target.Log = func() ([]byte, error) { return []byte(log), nil }
		report, err := attack.Run(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if was := r.Outcome != attack.NotTried; strings.HasPrefix(r.Case, "the service's log") && was != tried {
				t.Errorf("a log of %q: %+v", log, r)
			}
		}
	}
}
