package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// StartScan sets a waiting scan going. The lock makes a second starter wait
// and then see that the scan waits no more; that no other scan of the provider
// executes is the database's to say.
func (custom) StartScan(ctx context.Context, q *tenantdb.Queries, req api.StartScanRequestObject) (api.StartScanResponseObject, error) {
	var started tenantdb.Scan
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		_, err := lockScan(ctx, tx, req.ScanId, tenantdb.ScanStateAvailable, tenantdb.ScanStateScheduled)
		if err != nil {
			return err
		}
		started, err = tx.StartScan(ctx, req.ScanId)
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	body := scan(&f, started)
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return api.StartScan200JSONResponse(body), nil
}

// FinishScan completes an executing scan and counts its findings. A reader
// sees either the executing scan or the completed one with all its counts.
func (custom) FinishScan(ctx context.Context, q *tenantdb.Queries, req api.FinishScanRequestObject) (api.FinishScanResponseObject, error) {
	var finished tenantdb.Scan
	var summaries []tenantdb.ListScanSummariesRow
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		_, err := lockScan(ctx, tx, req.ScanId, tenantdb.ScanStateExecuting)
		if err != nil {
			return err
		}
		if finished, err = tx.FinishScan(ctx, req.ScanId); err != nil {
			return err
		}
		if err := tx.DeleteScanSummaries(ctx, req.ScanId); err != nil {
			return err
		}
		if _, err := tx.SummarizeScan(ctx, req.ScanId); err != nil {
			return err
		}
		summaries, err = tx.ListScanSummaries(ctx, req.ScanId)
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	body := api.FinishScan200JSONResponse{Scan: scan(&f, finished), Summaries: make([]api.ScanSummary, len(summaries))}
	for i, r := range summaries {
		body.Summaries[i] = scanSummary(&f, r)
	}
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return body, nil
}

// CancelScan ends a scan that has not ended yet. The database would refuse
// another one too, but could not say why.
func (custom) CancelScan(ctx context.Context, q *tenantdb.Queries, req api.CancelScanRequestObject) (api.CancelScanResponseObject, error) {
	var cancelled tenantdb.Scan
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		_, err := lockScan(ctx, tx, req.ScanId, tenantdb.ScanStateAvailable, tenantdb.ScanStateScheduled, tenantdb.ScanStateExecuting)
		if err != nil {
			return err
		}
		cancelled, err = tx.CancelScan(ctx, req.ScanId)
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	body := scan(&f, cancelled)
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return api.CancelScan200JSONResponse(body), nil
}

// lockScan holds a scan until the transaction ends, and refuses one that is in
// none of the given states.
func lockScan(ctx context.Context, tx *tenantdb.Queries, id uuid.UUID, states ...tenantdb.ScanState) (tenantdb.LockScanRow, error) {
	locked, err := tx.LockScan(ctx, id)
	if err != nil {
		return locked, err
	}
	if !slices.Contains(states, locked.Scan.State) {
		return locked, rest.Errorf(http.StatusConflict, "the scan is %s", locked.Scan.State)
	}
	return locked, nil
}

func scan(f *rest.Fields, s tenantdb.Scan) api.Scan {
	out := api.Scan{
		Id:                  s.ID,
		ProviderId:          s.ProviderID,
		Name:                null(s.Name),
		Trigger:             api.ScanTrigger(s.Trigger),
		State:               api.ScanState(s.State),
		Progress:            int32(s.Progress),
		UniqueResourceCount: s.UniqueResourceCount,
		Services:            s.Services,
		Severities:          make([]api.Severity, len(s.Severities)),
		RequestedBy:         null(s.RequestedBy),
		Error:               null(s.Error),
		ScheduledAt:         nullTime(f, "scheduled_at", s.ScheduledAt),
		StartedAt:           nullTime(f, "started_at", s.StartedAt),
		CompletedAt:         nullTime(f, "completed_at", s.CompletedAt),
		Duration:            nullable.NewNullNullable[string](),
		CreatedAt:           rest.Take(f, "created_at", rest.UTC, s.CreatedAt),
		UpdatedAt:           rest.Take(f, "updated_at", rest.UTC, s.UpdatedAt),
	}
	for i, severity := range s.Severities {
		out.Severities[i] = api.Severity(severity)
	}
	if s.Duration.Valid {
		out.Duration.Set(rest.Take(f, "duration", rest.IntervalToString[string], s.Duration))
	}
	return out
}

func scanSummary(f *rest.Fields, r tenantdb.ListScanSummariesRow) api.ScanSummary {
	return api.ScanSummary{
		Service:     r.Service,
		Severity:    api.Severity(r.Severity),
		PassCount:   r.PassCount,
		FailCount:   r.FailCount,
		ManualCount: r.ManualCount,
		MutedCount:  r.MutedCount,
		NewCount:    r.NewCount,
		RiskScore:   rest.Take(f, "risk_score", rest.DecimalToString[string], r.RiskScore),
	}
}

func null[T any](p *T) nullable.Nullable[T] {
	return rest.BuildNullable(orZero(p), p != nil)
}

func nullTime(f *rest.Fields, column string, p *time.Time) nullable.Nullable[time.Time] {
	return rest.BuildNullable(rest.Take(f, column, rest.UTC, orZero(p)), p != nil)
}
