package operator

import (
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func (a *api) listIssuers(r *http.Request) (answer, error) {
	all, err := a.catalog.Issuers(r.Context(), ref(r.PathValue("tenant")))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, struct {
		Items []catalog.Issuer `json:"items"`
	}{append([]catalog.Issuer{}, all...)}}, nil
}

func (a *api) addIssuer(r *http.Request) (answer, error) {
	body, err := read[struct {
		Issuer, Audience string
		JWKSURL          string `json:"jwks_url"`
	}](r)
	if err != nil {
		return answer{}, err
	}
	meant, _, err := a.meant(r)
	if err != nil {
		return answer{}, err
	}
	added, err := a.catalog.AddIssuer(r.Context(), meant, catalog.Issuer{
		Issuer: body.Issuer, Audience: body.Audience, JWKSURL: body.JWKSURL,
	})
	return answer{http.StatusCreated, added}, err
}

func (a *api) removeIssuer(r *http.Request) (answer, error) {
	query := r.URL.Query()
	meant, _, err := a.meant(r)
	if err != nil {
		return answer{}, err
	}
	err = a.catalog.RemoveIssuer(r.Context(), meant, query.Get("issuer"), query.Get("audience"))
	return answer{status: http.StatusNoContent}, err
}
