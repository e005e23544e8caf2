package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"

	"example.com/shop"
)

// No tenant gets at what another one has, by any operation of openapi.yaml.
func TestAttacks(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, service.Config{Schema: theSchema, OpenAPI: shop.OpenAPI, Handler: newHandler}, "TENANT_FROM=subdomain,domain")
	for i := range s.Tenants {
		body := fmt.Sprintf(`{"sku":"only-%d","name":"A thing","price":"1.00","currency":"EUR"}`, i)
		if status, answer := s.Send(t, i, "POST", "/v1/products", body); status != http.StatusCreated {
			t.Fatal(status, answer)
		}
	}
	tenanttest.Attack(t, s.Target(t))
}
