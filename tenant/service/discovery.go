package service

import (
	"net/http"
	"strings"
)

// discoveryPath is where OpenID Connect's discovery is, below an issuer.
const discoveryPath = "/.well-known/openid-configuration"

// withDiscovery leads clients from any host of the service to the discovery of the
// issuer whose tokens it accepts, so that a document can name it without knowing
// the installation: openIdConnectUrl: /.well-known/openid-configuration. The tokens
// of the embedded mode come from no such issuer.
func withDiscovery(s *settings, next http.Handler) http.Handler {
	if s.localKey() {
		return next
	}
	at := strings.TrimSuffix(s.Issuer, "/") + discoveryPath
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != discoveryPath || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			next.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, at, http.StatusFound)
	})
}
