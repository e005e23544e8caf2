package main

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// newHandler puts the generated API behind this service's identity.
func newHandler(s *settings, b *backend, logger *slog.Logger) (http.Handler, error) {
	id := &identity{base: s.BaseDomain, proxies: s.TrustedProxies, tokens: b.tokens, resolver: b.resolver}
	api, err := handlers.New(handlers.Config{
		DB:     b.db,
		Custom: newCustom(),
		Options: rest.Options{
			Authenticate: id.authenticate,
			MaxBody:      s.MaxBody,
			Logger:       logger,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("build the API: %w", err)
	}
	return withHealth(b.probe, logger, api), nil
}
