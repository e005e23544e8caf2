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
		applied.Muted, err = applyMuteRules(ctx, tx, tenantdb.ApplyMuteRulesParams{MuteRuleID: &rule.ID})
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.ApplyMuteRule200JSONResponse(applied), nil
}

// muteBatch is how many findings one statement mutes, which keeps each of them
// far below the timeout of a statement.
const muteBatch = 5000

// applyMuteRules mutes all that is to be muted, and tells how many that were.
func applyMuteRules(ctx context.Context, tx *tenantdb.Queries, params tenantdb.ApplyMuteRulesParams) (int64, error) {
	params.Most = muteBatch
	var all int64
	for {
		muted, err := tx.ApplyMuteRules(ctx, params)
		all += muted
		if err != nil || muted < muteBatch {
			return all, err
		}
	}
}
