// Command server is the reference service: the generated API of openapi.yaml,
// one tenant per host name, on PostgreSQL. With nothing set it brings its own
// database and two demo tenants.
//
// Package tenant/service does the wiring; what is this service's own is said
// below, answered in custom_*.go and made up in demo*.go. It imports gen/,
// packages under tenant/ and pgx.
package main

import (
	"net/http"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
)

// The slugs of the demo tenants.
const (
	acme   = "acme"
	globex = "globex"
)

func main() { service.Main(config()) }

func config() service.Config {
	return service.Config{
		Schema:  catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, TenantSeed: schema.TenantSeed, Seed: schema.Seed},
		Members: members{},
		Counts:  counts,
		OpenAPI: bailiwick.OpenAPI,
		Demo: []service.DemoTenant{
			{Slug: acme, Name: "Acme Corporation", Plan: "team", Seed: seedDemo},
			{Slug: globex, Name: "Globex Corporation", Plan: "business", Seed: seedDemo},
		},
		DemoRequest: "/v1/findings?status=fail&severity=critical&limit=3",
		Handler: func(b service.Backend) (http.Handler, error) {
			c := newCustom(b.Keys, b.Signups)
			c.mail, c.logger = b.Mail, b.Logger
			return handlers.New(handlers.Config{
				DB: b.DB, Custom: c, Options: b.Options,
				Middlewares: []api.StrictMiddlewareFunc{bounds{b.DB}.around},
			})
		},
	}
}
