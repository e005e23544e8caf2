package main

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/bailiwick-dev/bailiwick/gen/api"
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
	s := row.Subscription
	body := api.Subscription{
		Plan:               plan(&f, row.Plan),
		State:              api.SubscriptionState(s.State),
		Seats:              s.Seats,
		Discount:           rest.Take(&f, "discount", rest.DecimalToString[string], s.Discount),
		TrialEndsOn:        rest.BuildNullable(openapi_types.Date{Time: s.TrialEndsOn.Time}, s.TrialEndsOn.Valid),
		CurrentPeriodStart: rest.Take(&f, "current_period_start", rest.UTC, s.CurrentPeriodStart),
		CurrentPeriodEnd:   rest.Take(&f, "current_period_end", rest.UTC, s.CurrentPeriodEnd),
	}
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return api.GetSubscription200JSONResponse(body), nil
}

func plan(f *rest.Fields, p publicdb.Plan) api.Plan {
	return api.Plan{
		Name:             p.Name,
		Title:            p.Title,
		Description:      null(p.Description),
		MonthlyPrice:     rest.Take(f, "monthly_price", rest.DecimalToString[string], p.MonthlyPrice),
		Currency:         p.Currency,
		MaxProviders:     null(p.MaxProviders),
		MaxUsers:         null(p.MaxUsers),
		FindingRetention: rest.Take(f, "finding_retention", rest.IntervalToString[string], p.FindingRetention),
		Features:         p.Features,
	}
}
