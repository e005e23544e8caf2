package blackbox_test

import "testing"

// analyst is whose requests the examples of openapi.yaml are.
const analyst = "analyst@acme.example"

// TestService goes in this order: the examples need the demo data as it was
// made, and what comes after the scenario uses what the scenario has made.
func TestService(t *testing.T) {
	a, b := newWalk(newClient(t, acme)), newWalk(newClient(t, globex))
	reader := a.as(t, analyst)
	t.Run("examples", func(t *testing.T) { testExamples(t, reader, a.client) })
	a.seen = append(a.seen, reader.seen...)
	if !t.Run("scenario", func(t *testing.T) {
		throughPrism(t, a.client, b.client)
		a.scenario(t)
		b.scenario(t)
		for _, id := range a.missing() {
			t.Errorf("%s is in openapi.yaml and not in the scenario: add a call of it to test/blackbox/scenario_test.go, after what it needs and before what undoes it", id)
		}
	}) {
		return
	}
	t.Run("isolation", func(t *testing.T) { testIsolation(t, a, b) })
	t.Run("tokens", func(t *testing.T) { testTokens(t, a, b) })
	t.Run("conventions", func(t *testing.T) { testConventions(t, a) })
}
