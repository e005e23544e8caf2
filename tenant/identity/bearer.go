package identity

import (
	"net/http"
	"strings"
)

// Bearer is the credential of a request's one Authorization header: a token or an
// API key. It tells whether there is one, and only one, of a length that is
// looked at.
func Bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	raw = strings.TrimSpace(raw)
	return raw, strings.EqualFold(scheme, "Bearer") && raw != "" && len(raw) <= MaxToken && !strings.ContainsAny(raw, " \t")
}
