package main

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"
)

// Every operation gets requests made from the document, and answers as it says.
func TestFuzz(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, acme)
	resttest.Fuzz(t, newExampleService(t, db, tenants[0]), resttest.Options{Document: bailiwick.OpenAPI, Numbered: true})
}
