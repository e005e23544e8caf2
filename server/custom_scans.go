package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// StartScan sets a waiting scan going. The lock makes a second starter wait
// and then see that the scan waits no more; that no other scan of the provider
// executes is the database's to say.
func (custom) StartScan(ctx context.Context, q *tenantdb.Queries, req api.StartScanRequestObject) (api.StartScanResponseObject, error) {
	started, err := changeScan(ctx, q, req.ScanId, statesWaiting, func(ctx context.Context, tx *tenantdb.Queries) (tenantdb.Scan, error) {
		return tx.StartScan(ctx, req.ScanId)
	})
	if err != nil {
		return nil, err
	}
	return api.StartScan200JSONResponse(started), nil
}

// ReportScanProgress notes how far an executing scan is.
func (custom) ReportScanProgress(ctx context.Context, q *tenantdb.Queries, req api.ReportScanProgressRequestObject) (api.ReportScanProgressResponseObject, error) {
	scan, err := changeScan(ctx, q, req.ScanId, statesExecuting, func(ctx context.Context, tx *tenantdb.Queries) (tenantdb.Scan, error) {
		return tx.RecordScanProgress(ctx, tenantdb.RecordScanProgressParams{ScanID: req.ScanId, Progress: int16(req.Body.Progress)}) //nolint:gosec // The document bounds it by 100.
	})
	if err != nil {
		return nil, err
	}
	return api.ReportScanProgress200JSONResponse(scan), nil
}

// FailScan ends an executing scan that cannot be completed.
func (custom) FailScan(ctx context.Context, q *tenantdb.Queries, req api.FailScanRequestObject) (api.FailScanResponseObject, error) {
	failed, err := changeScan(ctx, q, req.ScanId, statesExecuting, func(ctx context.Context, tx *tenantdb.Queries) (tenantdb.Scan, error) {
		return tx.FailScan(ctx, tenantdb.FailScanParams{ScanID: req.ScanId, Error: req.Body.Error})
	})
	if err != nil {
		return nil, err
	}
	return api.FailScan200JSONResponse(failed), nil
}

// FinishScan completes an executing scan and counts its findings. A reader
// sees either the executing scan or the completed one with all its counts.
func (custom) FinishScan(ctx context.Context, q *tenantdb.Queries, req api.FinishScanRequestObject) (api.FinishScanResponseObject, error) {
	var finished tenantdb.Scan
	var summaries []tenantdb.ListScanSummariesRow
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		_, err := lockScan(ctx, tx, req.ScanId, statesExecuting)
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
	body := api.FinishScan200JSONResponse{
		Scan:      handlers.ToScanFromScan(&f, finished),
		Summaries: rest.Rows(&f, summaries, handlers.ToScanSummaryFromListScanSummariesRow),
	}
	if err := f.Unanswerable(); err != nil {
		return nil, err
	}
	return body, nil
}

// CancelScan ends a scan that has not ended yet. The database would refuse
// another one too, but could not say why.
func (custom) CancelScan(ctx context.Context, q *tenantdb.Queries, req api.CancelScanRequestObject) (api.CancelScanResponseObject, error) {
	cancelled, err := changeScan(ctx, q, req.ScanId, slices.Concat(statesWaiting, statesExecuting), func(ctx context.Context, tx *tenantdb.Queries) (tenantdb.Scan, error) {
		return tx.CancelScan(ctx, req.ScanId)
	})
	if err != nil {
		return nil, err
	}
	return api.CancelScan200JSONResponse(cancelled), nil
}

var (
	statesWaiting   = []tenantdb.ScanState{tenantdb.ScanStateAvailable, tenantdb.ScanStateScheduled}
	statesExecuting = []tenantdb.ScanState{tenantdb.ScanStateExecuting}
)

// changeScan changes a scan that is in one of the states, and gives it as it
// is then.
func changeScan(ctx context.Context, q *tenantdb.Queries, id uuid.UUID, from []tenantdb.ScanState, change func(context.Context, *tenantdb.Queries) (tenantdb.Scan, error)) (api.Scan, error) {
	var changed tenantdb.Scan
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		_, err := lockScan(ctx, tx, id, from)
		if err != nil {
			return err
		}
		changed, err = change(ctx, tx)
		return err
	})
	if err != nil {
		return api.Scan{}, err
	}
	var f rest.Fields
	body := handlers.ToScanFromScan(&f, changed)
	return body, f.Unanswerable()
}

// lockScan holds a scan until the transaction ends, and refuses one that is in
// none of the given states.
func lockScan(ctx context.Context, tx *tenantdb.Queries, id uuid.UUID, from []tenantdb.ScanState) (tenantdb.LockScanRow, error) {
	locked, err := tx.LockScan(ctx, id)
	if err != nil {
		return locked, err
	}
	if !slices.Contains(from, locked.Scan.State) {
		return locked, rest.Errorf(http.StatusConflict, "the scan is %s", locked.Scan.State)
	}
	return locked, nil
}
