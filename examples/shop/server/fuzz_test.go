package main

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"

	"example.com/shop"
)

// Requests made from openapi.yaml get the answers that it describes.
func TestFuzz(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	resttest.Fuzz(t, acme.api, resttest.Options{Document: shop.OpenAPI})
}
