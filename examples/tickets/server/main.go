// Command server is the service: the API of openapi.yaml, one tenant per host.
// With nothing set in the environment it brings its own database and two demo
// tenants; --help lists the settings.
package main

import (
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/service"

	tickets "example.com/tickets"
	"example.com/tickets/gen/handlers"
	"example.com/tickets/schema"
)

// theSchema is the desired state of the database.
var theSchema = catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed}

func main() {
	service.Main(service.Config{
		Name:        "tickets",
		Schema:      theSchema,
		OpenAPI:     tickets.OpenAPI,
		Demo:        demoTenants,
		DemoRequest: "/v1/tickets?q=invoice",
		Handler:     newHandler,
	})
}

// newHandler is the whole API, generated and written by hand.
func newHandler(b service.Backend) (http.Handler, error) {
	return handlers.New(handlers.Config{DB: b.DB, Custom: custom{}, Options: b.Options})
}
