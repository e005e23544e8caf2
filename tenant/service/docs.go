package service

import (
	"net/http"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/docs"
)

// withDocs serves the document and its page at every host, without a token, where
// the service has a document and DOCS does not say otherwise.
func (s *Service) withDocs(api http.Handler) (http.Handler, error) {
	if !s.settings.docs() || s.cfg.OpenAPI == nil {
		return api, nil
	}
	pages, err := docs.Handler(s.docsConfig())
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/openapi.yaml", path == "/openapi.json", path == "/docs", strings.HasPrefix(path, "/docs/"):
			pages.ServeHTTP(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	}), nil
}

// docsConfig tells where the document has to say that the API is.
func (s *Service) docsConfig() docs.Config {
	c := docs.Config{Document: s.cfg.OpenAPI}
	if from := s.settings.TenantFrom; from.path {
		c.TenantPath = tenant.PathPrefix(s.settings.TenantPath)
		from.path = false
		c.KeepServers = from != sources{}
	}
	return c
}
