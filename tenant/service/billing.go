package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

// billingPath is where the payment provider sends its events.
const billingPath = "/webhooks/billing"

// withBilling takes in the events of the payment provider, where BILLING_SECRETS
// says how it signs them. It is at the hosts that name no tenant, as operations of
// the public scope are: elsewhere there is no such path.
func (s *Service) withBilling(ro *routing, next http.Handler) http.Handler {
	if len(s.settings.BillingSecrets) == 0 {
		return next
	}
	webhook := &billing.Webhook{DB: s.backend.DB, Secrets: s.settings.BillingSecrets, Wake: s.wake, Logger: s.cfg.Logger}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == billingPath {
			names, err := ro.names(r, rest.Operation{Scope: rest.ScopePublic})
			if err == nil && len(names) == 0 {
				webhook.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// billingJobs hold tenants to their subscriptions, where the shared schema has any.
func (s *Service) billingJobs(ctx context.Context) ([]worker.Job, error) {
	b := billing.New(billing.Config{Pool: s.owner.Pool, Catalog: s.owner.Catalog, Grace: s.settings.BillingGrace, Logger: s.cfg.Logger})
	installed, err := b.Installed(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for the tables of billing: %w", err)
	case installed:
		return b.Jobs(), nil
	case len(s.settings.BillingSecrets) > 0:
		return nil, errors.New("BILLING_SECRETS is set, but the shared schema has no tables public.plans and public.subscriptions " +
			"with external_id, event_at and state_since, as docs/tasks/billing.md shows them")
	}
	return nil, nil
}
