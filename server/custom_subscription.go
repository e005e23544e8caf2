package main

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/publicdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// GetSubscription reads the shared schema, where all tenants are billed: the
// only row that it asks for is that of the request's own tenant.
func (custom) GetSubscription(ctx context.Context, q *publicdb.Queries, _ api.GetSubscriptionRequestObject) (api.GetSubscriptionResponseObject, error) {
	of, ok := tenant.FromContext(ctx)
	if !ok { // The base domain is nobody's host.
		return nil, rest.Errorf(http.StatusNotFound, "a subscription is found at its tenant's host")
	}
	row, err := q.GetTenantPlan(ctx, uuid.UUID(of.ID))
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	body := handlers.ToSubscriptionFromGetTenantPlanRow(&f, row)
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return api.GetSubscription200JSONResponse(body), nil
}
