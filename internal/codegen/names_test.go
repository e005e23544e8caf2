package codegen_test

import (
	"context"
	"net/http"
	"testing"

	namesapi "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/names/gen/api"
	names "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/names/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/names/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// pets answers what the project leaves to be written by hand.
type pets struct{}

// GetIndex implements names.Custom.
func (pets) GetIndex(context.Context, *tenantdb.Queries, namesapi.GetIndexRequestObject) (namesapi.GetIndexResponseObject, error) {
	return namesapi.GetIndex204Response{}, nil
}

// ListPets implements names.Custom.
func (pets) ListPets(_ context.Context, _ *tenantdb.Queries, req namesapi.ListPetsRequestObject) (namesapi.ListPetsResponseObject, error) {
	if req.PersonId.String() != uid(1) {
		return nil, rest.Errorf(http.StatusNotFound, "another person")
	}
	return namesapi.ListPets204Response{}, nil
}

// TestNames keeps apart what differs by an underscore alone, and the digits of
// a number whose schema names no format.
func TestNames(t *testing.T) {
	t.Parallel()
	s := serve(t, "names", "", func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return names.New(names.Config{DB: db, Options: o, Custom: pets{}})
	})
	person := func(n int, a, b string) string {
		return `{"id": "` + uid(n) + `", "address1": "` + a + `", "address_1": "` + b + `", "weight": 123456789.12345678}`
	}
	for _, p := range []string{person(1, "a", "z"), person(2, "c", "y"), person(3, "b", "y")} {
		s.want(t, http.MethodPost, "/people", p, http.StatusCreated, p)
	}
	first := object(t, s.call(t, http.MethodGet, "/people?limit=2", nil, http.StatusOK))
	if got, want := string(first["items"]), `[{"address1":"b","address_1":"y"},{"address1":"c","address_1":"y"}]`; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
	var cursor string
	decode(t, first["next_cursor"], &cursor)
	s.want(t, http.MethodGet, "/people?limit=2&cursor="+cursor, "", http.StatusOK, `{"items": [{"address1": "a", "address_1": "z"}], "next_cursor": null}`)
	s.want(t, http.MethodGet, "/people/", "", http.StatusNoContent, "")
	s.want(t, http.MethodGet, "/"+uid(1)+"/pets", "", http.StatusNoContent, "")
	s.want(t, http.MethodGet, "/"+uid(2)+"/pets", "", http.StatusNotFound, "")
}
