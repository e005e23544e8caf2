package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// maxCredentials bounds the credentials of a provider, as JSON.
const maxCredentials = 32 << 10

var (
	errLargeCredentials = fmt.Errorf("must have at most %d bytes", maxCredentials)
	errNoTenant         = errors.New("the request's context carries no tenant")
)

// secretContext says where the credentials of a provider belong. Sealed under
// it, they open for no other provider and in no other tenant.
func secretContext(of tenant.ID, provider uuid.UUID) []string {
	return []string{of.String(), "provider_secrets", provider.String()}
}

// PutProviderSecret seals the credentials of a provider with the current key
// and stores them. Nothing of them is in an error or an answer.
func (c custom) PutProviderSecret(ctx context.Context, q *tenantdb.Queries, req api.PutProviderSecretRequestObject) (api.PutProviderSecretResponseObject, error) {
	of, ok := tenant.FromContext(ctx)
	if !ok {
		return nil, errNoTenant
	}
	credentials, err := json.Marshal(orZero(req.Body.Credentials))
	if err != nil {
		return nil, errors.New("the credentials cannot be written as JSON") // Its own error could quote them.
	}
	if len(credentials) > maxCredentials {
		var f rest.Fields
		f.Add("body.credentials", errLargeCredentials)
		return nil, f.Invalid()
	}
	keyID, sealed := c.keys.Seal(credentials, secretContext(of.ID, req.ProviderId)...)
	stored, err := q.PutProviderSecret(ctx, tenantdb.PutProviderSecretParams{
		ProviderID: req.ProviderId, Kind: tenantdb.SecretKind(req.Body.Kind), Name: pointer(req.Body.Name), Sealed: sealed, KeyID: keyID,
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	body := handlers.ToProviderSecretFromPutProviderSecretRow(&f, stored)
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return api.PutProviderSecret200JSONResponse(body), nil
}
