package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"

	"example.com/tickets"
)

// No tenant gets at what another one has, by any operation of openapi.yaml.
func TestAttacks(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, service.Config{Schema: theSchema, OpenAPI: tickets.OpenAPI, Handler: newHandler}, "TENANT_FROM=subdomain,domain")
	for i := range s.Tenants {
		var queue struct{ ID string }
		_, answer := s.Send(t, i, "POST", "/v1/queues", `{"name":"Secret"}`)
		if err := json.Unmarshal([]byte(answer), &queue); err != nil {
			t.Fatal(err)
		}
		ticket := `{"subject":"It is broken","body":"Nobody may know.","queue_id":"` + queue.ID + `"}`
		if status, answer := s.Send(t, i, "POST", "/v1/tickets", ticket); status != http.StatusCreated {
			t.Fatal(status, answer)
		}
	}
	tenanttest.Attack(t, s.Target(t))
}
