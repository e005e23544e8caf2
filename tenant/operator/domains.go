package operator

import (
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func (a *api) listDomains(r *http.Request) (answer, error) {
	// Found first: the zero Ref would be the domains of all tenants.
	found, err := a.catalog.Find(r.Context(), ref(r.PathValue("tenant")))
	if err != nil {
		return answer{}, err
	}
	all, err := a.catalog.Domains(r.Context(), catalog.Ref{ID: found.ID})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, struct {
		Items []catalog.Domain `json:"items"`
	}{append([]catalog.Domain{}, all...)}}, nil
}

func (a *api) addDomain(r *http.Request) (answer, error) {
	body, err := read[struct{ Host string }](r)
	if err != nil {
		return answer{}, err
	}
	meant, _, err := a.meant(r)
	if err != nil {
		return answer{}, err
	}
	d, err := a.catalog.AddDomain(r.Context(), meant, body.Host)
	return answer{http.StatusCreated, d}, err
}

func (a *api) verifyDomain(r *http.Request) (answer, error) {
	meant, _, err := a.meant(r)
	if err != nil {
		return answer{}, err
	}
	d, err := a.catalog.VerifyDomain(r.Context(), meant, r.PathValue("host"))
	return answer{http.StatusOK, d}, err
}

func (a *api) removeDomain(r *http.Request) (answer, error) {
	meant, _, err := a.meant(r)
	if err != nil {
		return answer{}, err
	}
	err = a.catalog.RemoveDomain(r.Context(), meant, r.PathValue("host"))
	return answer{status: http.StatusNoContent}, err
}
