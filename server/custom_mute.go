package main

import (
	"context"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// ApplyMuteRule mutes what is there already. The rule stays as it is meanwhile:
// nothing is muted by one that somebody has just disabled.
func (custom) ApplyMuteRule(ctx context.Context, q *tenantdb.Queries, req api.ApplyMuteRuleRequestObject) (api.ApplyMuteRuleResponseObject, error) {
	var applied api.AppliedMuteRule
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		rule, err := tx.LockMuteRule(ctx, req.MuteRuleId)
		if err != nil {
			return err
		}
		if !rule.Active {
			return rest.Errorf(http.StatusConflict, "the rule is disabled or has expired")
		}
		applied.Muted, err = tx.ApplyMuteRules(ctx, tenantdb.ApplyMuteRulesParams{MuteRuleID: &rule.ID})
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.ApplyMuteRule200JSONResponse(applied), nil
}
