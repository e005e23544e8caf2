package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// helped is acme with Mia, who manages users and may read, beside its owner.
type helped struct {
	*servicetest.Service

	owner, token         string // credentials
	ownerID, id          string // of users
	people, scans, spare string // roles: Mia's, one that permits more, one that permits as much
}

func newHelped(t *testing.T) helped {
	t.Helper()
	s := servicetest.New(t, config())
	h := helped{Service: s, owner: s.Token(t, 0), token: s.Issuer.Token(t, s.Tenants[0], "mia@acme.example")}
	role := func(name, permissions string) string {
		made := asks(t, s, "acme", h.owner, "POST", "/v1/roles", `{"name":"`+name+`","permissions":[`+permissions+`]}`)
		want(t, "make the role "+name, made, http.StatusCreated)
		return propertyOf(t, made.Body, "id")
	}
	h.people = role("people", `"manage_users","view_findings","export_reports"`)
	h.scans = role("scans", `"manage_scans"`)
	h.spare = role("spare", `"view_findings"`)
	h.id = mia(t, s, "people")
	h.ownerID = propertyOf(t, asks(t, s, "acme", h.owner, "GET", "/v1/me", "").Body, "id")
	return h
}

// change is one request that gives, takes or changes what somebody may do.
type change struct {
	operation, method, path, body string
	lacks                         string // Empty: Mia may.
}

func (h helped) changes(t *testing.T) []change {
	t.Helper()
	invited := asks(t, h.Service, "acme", h.owner, "POST", "/v1/invitations", `{"email":"kim@acme.example","role_id":1}`)
	key := asks(t, h.Service, "acme", h.owner, "POST", "/v1/api-keys", `{"user_id":"`+h.ownerID+`","name":"ci","permissions":["manage_scans"]}`)
	owner, self := "/v1/users/"+h.ownerID, "/v1/users/"+h.id
	const all = "manage_findings manage_providers manage_scans"
	return []change{
		{"createRole", "POST", "/v1/roles", `{"name":"a","permissions":["view_findings","manage_scans"]}`, "manage_scans"},
		{"updateRole", "PATCH", "/v1/roles/" + h.people, `{"permissions":["manage_users","manage_scans"]}`, "manage_scans"},
		{"updateRole", "PATCH", "/v1/roles/" + h.scans, `{"permissions":[]}`, "manage_scans"},
		{"deleteRole", "DELETE", "/v1/roles/" + h.scans, "", "manage_scans"},
		{"grantRole", "PUT", self + "/roles/1", "", all},
		{"grantRole", "PUT", self + "/roles/" + h.scans, "", "manage_scans"},
		{"revokeRole", "DELETE", owner + "/roles/1", "", all},
		{"updateUser", "PATCH", owner, `{"active":false}`, all},
		{"updateUser", "PATCH", owner, `{"display_name":"Nobody"}`, all},
		{"deactivateUser", "DELETE", owner, "", all},
		{"createInvitation", "POST", "/v1/invitations", `{"email":"mia+1@acme.example","role_id":1}`, all},
		{"createAPIKey", "POST", "/v1/api-keys", `{"user_id":"` + h.ownerID + `","name":"b","permissions":["view_findings","manage_scans"]}`, "manage_scans"},

		{"createRole", "POST", "/v1/roles", `{"name":"c","permissions":["view_findings"]}`, ""},
		{"updateRole", "PATCH", "/v1/roles/" + h.spare, `{"permissions":["export_reports"]}`, ""},
		{"grantRole", "PUT", self + "/roles/" + h.spare, "", ""},
		{"revokeRole", "DELETE", self + "/roles/" + h.spare, "", ""},
		{"deleteRole", "DELETE", "/v1/roles/" + h.spare, "", ""},
		{"createInvitation", "POST", "/v1/invitations", `{"email":"ann@acme.example","role_id":3}`, ""},
		{"createAPIKey", "POST", "/v1/api-keys", `{"user_id":"` + h.ownerID + `","name":"d","permissions":["view_findings"]}`, ""},
		{"revokeInvitation", "DELETE", "/v1/invitations/" + propertyOf(t, invited.Body, "invitation", "id"), "", ""},
		{"revokeAPIKey", "DELETE", "/v1/api-keys/" + propertyOf(t, key.Body, "api_key", "id"), "", ""},
		{"updateUser", "PATCH", self, `{"display_name":"Mia Mole"}`, ""},
		{"deactivateUser", "DELETE", self, "", ""},
	}
}

// Who manages users gives nobody what they don't have themselves, not by a role, an
// invitation or a key, and changes nobody who has more.
func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	h := newHelped(t)
	seen := map[string]bool{}
	state := func() string {
		return asks(t, h.Service, "acme", h.owner, "GET", "/v1/users", "").Body + asks(t, h.Service, "acme", h.owner, "GET", "/v1/roles", "").Body
	}
	before := state()
	for _, c := range h.changes(t) {
		seen[c.operation] = true
		got := asks(t, h.Service, "acme", h.token, c.method, c.path, c.body)
		what := c.method + " " + c.path + " " + c.body
		if c.lacks == "" {
			if got.Status >= http.StatusMultipleChoices {
				t.Errorf("%s: %+v", what, got)
			}
			continue
		}
		want(t, what, got, http.StatusForbidden)
		if got.Challenge != `Bearer error="insufficient_scope", scope="`+c.lacks+`"` || !strings.Contains(got.Body, "/insufficient-scope") ||
			!strings.Contains(got.Body, "the caller lacks "+strings.ReplaceAll(c.lacks, " ", " and ")) {
			t.Errorf("%s: %+v", what, got)
		}
		if diff := cmp.Diff(before, state()); diff != "" {
			t.Fatalf("%s changed something:\n%s", what, diff)
		}
	}
	for _, id := range managing(t) {
		if !seen[id] {
			t.Errorf("%s wants manage_users and is not tried: is it bounded?", id)
		}
	}
}

// managing are the operations that want manage_users and change something.
func managing(t *testing.T) (ids []string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(bailiwick.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if method == http.MethodGet || op.Security == nil || len(*op.Security) == 0 {
				continue
			}
			for _, scope := range (*op.Security)[0]["permissions"] {
				if scope == "manage_users" {
					ids = append(ids, op.OperationID)
				}
			}
		}
	}
	return ids
}

// What is not there is answered as ever.
func TestBoundsOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHelped(t)
	const nobody = "/v1/users/00000000-0000-4000-8000-000000000000"
	for path, method := range map[string]string{"/v1/roles/999": "DELETE", nobody: "DELETE", nobody + "/roles/3": "PUT", "/v1/users/" + h.id + "/roles/999": "PUT"} {
		want(t, method+" "+path, asks(t, h.Service, "acme", h.token, method, path, ""), http.StatusNotFound)
	}
}
