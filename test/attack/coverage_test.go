package attack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

// attacks is how many there are.
const attacks = 43

// untried are the attacks that can't be tried at a service that runs, and why. What
// is not tried and not here fails: it has lost what it needs.
var untried = map[int]string{
	29: "there is no backup of one tenant yet",
	30: "there is no restore from an archive yet",
	36: "changes the schemas of all: test/crash kills rollouts",
	37: "is refused before it reaches a database: internal/lint and the plans' own tests",
	39: "takes thousands of tenants: bench/lifecycle",
	40: "there are no analytics across tenants yet",
	43: "is Go that does not run: internal/vet",
}

// untriedCases are those within attacks that are tried otherwise.
var untriedCases = map[string]string{
	"5 operations without a token":                      "they are open by the document",
	"26 an id of B's at A at GET /v1/checks/{check_id}": "checks are the same for all tenants",
}

// checkCoverage wants every attack in the report, and tried unless it is listed.
func checkCoverage(t *testing.T, report *attack.Report) {
	t.Helper()
	there := map[int]bool{}
	for _, r := range report.Results {
		there[r.Attack] = true
		name := strings.TrimSuffix(fmt.Sprintf("%d %s at %s", r.Attack, r.Case, r.Operation), " at ")
		_, listed := untriedCases[name]
		if r.Outcome == attack.NotTried && !listed && untried[r.Attack] == "" {
			t.Errorf("attack %s was not tried: %s", name, r.Reason)
		}
	}
	for number := 1; number <= attacks; number++ {
		if !there[number] {
			t.Errorf("the report says nothing of attack %d", number)
		}
		if _, listed := untried[number]; listed != slices.Contains(report.Untried(), number) {
			t.Errorf("attack %d: that it is not tried is %t, and should be %t", number, !listed, listed)
		}
	}
}

// checkOperations wants for each operation of the document the attempts that are
// derived from it. An operation that is added later has them as well, or fails here.
func checkOperations(t *testing.T, report *attack.Report) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(bailiwick.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, r := range report.Results {
		tried[r.Operation+": "+r.Case] = tried[r.Operation+": "+r.Case] || r.Outcome != attack.NotTried
	}
	operations := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			operations++
			name := method + " " + path
			for _, want := range derived(doc, path, op) {
				if _, listed := untriedCases["26 "+want+" at "+name]; !tried[name+": "+want] && !listed {
					t.Errorf("%s lacks the attempt %q", name, want)
				}
			}
		}
	}
	if operations < 50 {
		t.Errorf("the document has only %d operations", operations)
	}
}

// derived are the attempts that an operation needs.
func derived(doc *openapi3.T, path string, op *openapi3.Operation) (cases []string) {
	security := doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	if len(security) == 0 {
		return nil // It is open to everybody.
	}
	cases = append(cases, "an operation without a token", "an operation with a token that is none")
	scopes := 0
	for _, requirement := range security {
		for _, list := range requirement {
			scopes += len(list)
		}
	}
	if scopes > 0 {
		cases = append(cases, "an operation without its permission")
	}
	if scope, _ := op.Extensions["x-scope"].(string); scope != "" && scope != "tenant" {
		return cases // It has nothing of a tenant's.
	}
	cases = append(cases, "an operation with B's token at A's host", "an operation with A's token at B's host")
	if strings.Contains(path, "{") {
		cases = append(cases, "an id of B's at A")
	}
	return cases
}
