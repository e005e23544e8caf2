package blackbox_test

import (
	"net/http"
	"slices"
	"testing"
)

// onceOnly are the operations that no request succeeds in twice.
var onceOnly = []string{"acceptInvitation", "confirmSignup"}

// testTokens sends every operation that succeeded again: at the other tenant's
// host, without a token, and with one that is none.
func testTokens(t *testing.T, a, b *walk) {
	for _, id := range sortedKeys(a.calls) {
		op := a.ops[id]
		for _, attempt := range []struct {
			at, of *walk
			token  string
			want   int
		}{
			{at: b, of: b, token: a.token, want: http.StatusForbidden},
			{at: a, of: b, token: b.token, want: http.StatusForbidden},
			{at: a, of: a, token: "", want: http.StatusUnauthorized},
			{at: a, of: a, token: "eyJhbGciOiJub25lIn0.e30.", want: http.StatusUnauthorized},
		} {
			req := attempt.of.foreign(id, "tokens")
			if req.want = attempt.want; !op.secured() {
				req.want = op.success // Open to all, and so to these.
			}
			if slices.Contains(onceOnly, id) {
				req.want = http.StatusNotFound // Its token is used.
			}
			req.header.Set("Authorization", "Bearer "+attempt.token)
			if attempt.token == "" {
				req.header["Authorization"] = nil
			}
			got := attempt.at.do(t, req)
			if challenge := got.header.Get("WWW-Authenticate"); (req.want == http.StatusUnauthorized) != (challenge != "") {
				t.Errorf("%s: %d with WWW-Authenticate %q", id, got.status, challenge)
			}
		}
	}
}
