package main

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
)

func TestScanStates(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	ctx, q := t.Context(), s.Queries
	start := func(id uuid.UUID) error {
		_, err := s.custom.StartScan(ctx, q, api.StartScanRequestObject{ScanId: id})
		return err
	}
	finish := func(id uuid.UUID) error {
		_, err := s.custom.FinishScan(ctx, q, api.FinishScanRequestObject{ScanId: id})
		return err
	}
	fail := func(id uuid.UUID) error {
		_, err := s.custom.FailScan(ctx, q, api.FailScanRequestObject{ScanId: id, Body: &api.ScanFailure{Error: "no answer"}})
		return err
	}
	progress := func(id uuid.UUID) error {
		_, err := s.custom.ReportScanProgress(ctx, q, api.ReportScanProgressRequestObject{ScanId: id, Body: &api.ScanProgress{Progress: 10}})
		return err
	}
	cancel := func(id uuid.UUID) error {
		_, err := s.custom.CancelScan(ctx, q, api.CancelScanRequestObject{ScanId: id})
		return err
	}
	report := func(id uuid.UUID) error {
		_, err := s.ingest(t, id, newFinding("a", api.FindingStatusFail, "one"))
		return err
	}
	running, other, absent := s.executing(t), s.waiting(t), uuid.New()
	for _, c := range []struct {
		what string
		err  error
		want int
	}{
		{"start a running scan", start(running), http.StatusConflict},
		{"start another scan of the provider", start(other), http.StatusConflict},
		{"report to a waiting scan", report(other), http.StatusConflict},
		{"finish a waiting scan", finish(other), http.StatusConflict},
		{"fail a waiting scan", fail(other), http.StatusConflict},
		{"progress of a waiting scan", progress(other), http.StatusConflict},
		{"progress of a running scan", progress(running), http.StatusOK},
		{"cancel a waiting scan", cancel(other), http.StatusOK},
		{"cancel it again", cancel(other), http.StatusConflict},
		{"finish the running scan", finish(running), http.StatusOK},
		{"finish it again", finish(running), http.StatusConflict},
		{"report to a completed scan", report(running), http.StatusConflict},
		{"cancel a completed scan", cancel(running), http.StatusConflict},
		{"fail a completed scan", fail(running), http.StatusConflict},
		{"fail the next scan", fail(s.executing(t)), http.StatusOK},
		{"fail no scan", fail(absent), http.StatusNotFound},
		{"start no scan", start(absent), http.StatusNotFound},
		{"finish no scan", finish(absent), http.StatusNotFound},
		{"cancel no scan", cancel(absent), http.StatusNotFound},
		{"report to no scan", report(absent), http.StatusNotFound},
	} {
		if got := status(c.err); got != c.want {
			t.Errorf("%s: status %d, want %d: %v", c.what, got, c.want, c.err)
		}
	}
}

func TestOnlyOneOfManyStartersWins(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	ids := []uuid.UUID{s.waiting(t), s.waiting(t)}
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			_, errs[i] = s.custom.StartScan(t.Context(), s.Queries, api.StartScanRequestObject{ScanId: ids[i%2]})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		switch status(err) {
		case http.StatusOK:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("a starter failed: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d starters won, want 1", won)
	}
}

// A scan is put off while it waits, and only renamed once it runs.
func TestScheduleOfScans(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	name, later := "renamed", time.Now().Add(time.Hour)
	schedule := func(id uuid.UUID, at *time.Time) (tenantdb.Scan, error) {
		return s.UpdateScan(t.Context(), tenantdb.UpdateScanParams{ScanID: id, SetName: true, Name: &name, SetScheduledAt: true, ScheduledAt: at})
	}
	id := s.waiting(t)
	for at, want := range map[*time.Time]tenantdb.ScanState{&later: tenantdb.ScanStateScheduled, nil: tenantdb.ScanStateAvailable} {
		scan, err := schedule(id, at)
		if err != nil || scan.State != want {
			t.Errorf("put off until %v: %+v, %v", at, scan, err)
		}
	}
	if _, err := schedule(id, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.custom.StartScan(t.Context(), s.Queries, api.StartScanRequestObject{ScanId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := schedule(id, &later); status(err) != http.StatusUnprocessableEntity {
		t.Errorf("put off while it runs: %v", err)
	}
	s.finish(t, id)
	if _, err := schedule(id, &later); status(err) != http.StatusUnprocessableEntity {
		t.Errorf("put off when it has ended: %v", err)
	}
	if scan, err := schedule(id, nil); err != nil || scan.Name == nil || *scan.Name != name {
		t.Errorf("renamed when it has ended: %+v, %v", scan, err)
	}
}
