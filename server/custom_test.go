package main

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// scanner is a tenant with one provider, and what a scanner does to it.
type scanner struct {
	*tenantdb.Queries

	custom   custom
	provider uuid.UUID
}

func newScanner(t *testing.T) *scanner {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{Schema: testSchema})
	s := &scanner{Queries: tenantdb.New(db.Bind(t, 0)), custom: newCustom(demoKeys)}
	p, err := s.CreateProvider(t.Context(), tenantdb.CreateProviderParams{
		Kind: tenantdb.ProviderKindAws, Uid: "123456789012", Regions: []string{}, Labels: []byte(`{}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.provider = p.ID
	return s
}

// waiting asks for a scan.
func (s *scanner) waiting(t *testing.T) uuid.UUID {
	t.Helper()
	scan, err := s.CreateScan(t.Context(), tenantdb.CreateScanParams{
		ProviderID: s.provider, RequestedBy: "alice", Services: []string{}, Severities: []tenantdb.Severity{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return scan.ID
}

func (s *scanner) executing(t *testing.T) uuid.UUID {
	t.Helper()
	id := s.waiting(t)
	if _, err := s.custom.StartScan(t.Context(), s.Queries, api.StartScanRequestObject{ScanId: id}); err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *scanner) ingest(t *testing.T, scan uuid.UUID, findings ...api.NewFinding) (api.IngestResult, error) {
	t.Helper()
	return ingest(t.Context(), s.Queries, scan, each(findings, nil), &metered{})
}

func (s *scanner) finish(t *testing.T, scan uuid.UUID) api.FinishedScan {
	t.Helper()
	resp, err := s.custom.FinishScan(t.Context(), s.Queries, api.FinishScanRequestObject{ScanId: scan})
	if err != nil {
		t.Fatal(err)
	}
	return api.FinishedScan(resp.(api.FinishScan200JSONResponse))
}

func newFinding(uid string, status api.FindingStatus, resources ...string) api.NewFinding {
	n := api.NewFinding{
		Uid: uid, CheckId: "s3_bucket_versioning_enabled", Service: "s3", Region: "eu-west-1",
		Severity: api.High, Status: status, RiskScore: new("12.50"), Evidence: &map[string]any{"versions": false},
	}
	for _, r := range resources {
		n.Resources = append(n.Resources, api.NewResource{Uid: r, Kind: "bucket", Tags: &map[string]string{"env": "prod"}})
	}
	return n
}

// status is the HTTP status that a handler's error becomes.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	problem, _ := rest.ProblemOf(err)
	return problem.Status
}

func TestIngestComparesWithTheScanBefore(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	first := s.executing(t)
	got, err := s.ingest(t, first, newFinding("a", api.FindingStatusFail, "one"), newFinding("b", api.FindingStatusFail, "one", "two"), newFinding("c", api.FindingStatusPass, "two"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.IngestResult{Findings: 3, Resources: 2, New: 3}, got); diff != "" {
		t.Errorf("first report (-want +got):\n%s", diff)
	}
	page, err := s.ListScanFindings(t.Context(), tenantdb.ListScanFindingsParams{ScanID: first, PageLimit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range page {
		if f.Uid == "b" {
			if _, err := s.MuteFinding(t.Context(), tenantdb.MuteFindingParams{FindingID: f.ID, Reason: "on purpose", MutedBy: "alice"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := s.finish(t, first)
	if done.Scan.State != api.ScanStateCompleted || done.Scan.UniqueResourceCount != 2 || done.Scan.Progress != 100 {
		t.Errorf("finished scan: %+v", done.Scan)
	}
	want := []api.ScanSummary{{Service: "s3", Severity: api.High, PassCount: 1, FailCount: 1, MutedCount: 1, NewCount: 2, RiskScore: "12.50"}}
	if diff := cmp.Diff(want, done.Summaries); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}

	second := s.executing(t)
	got, err = s.ingest(t, second, newFinding("a", api.FindingStatusPass, "one"), newFinding("b", api.FindingStatusFail, "one"), newFinding("c", api.FindingStatusPass, "two"), newFinding("d", api.FindingStatusManual, "three"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.IngestResult{Findings: 4, Resources: 3, New: 1, Changed: 1, Muted: 1}, got); diff != "" {
		t.Errorf("second report (-want +got):\n%s", diff)
	}
}

func TestIngestIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	tooRisky := newFinding("z", api.FindingStatusFail, "last")
	tooRisky.RiskScore = new("1000.01")
	if _, err := s.ingest(t, scan, newFinding("a", api.FindingStatusFail, "one"), tooRisky); status(err) != http.StatusUnprocessableEntity {
		t.Errorf("ingest of a row that the database refuses: %v", err)
	}
	s.holdsNothing(t)
}

func TestIngestInBatches(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	var many []api.NewFinding
	for i := range 2*ingestBatch + 500 {
		many = append(many, newFinding(fmt.Sprintf("f%04d", i), api.FindingStatusFail, fmt.Sprintf("r%03d", i%300), fmt.Sprintf("r%03d", (i+1)%300), fmt.Sprintf("r%03d", i%300)))
	}
	got, err := s.ingest(t, scan, many...)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(len(many))
	if diff := cmp.Diff(api.IngestResult{Findings: n, Resources: 300, New: n}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	done := s.finish(t, scan)
	if len(done.Summaries) != 1 || done.Summaries[0].FailCount != n || done.Scan.UniqueResourceCount != 300 {
		t.Errorf("finished: %+v", done)
	}
}

// What goes wrong in a later batch takes the earlier ones back.
func TestIngestThatBreaksLeavesNothing(t *testing.T) {
	t.Parallel()
	many := make([]api.NewFinding, ingestBatch+1)
	for i := range many {
		many[i] = newFinding(fmt.Sprintf("f%04d", i), api.FindingStatusFail, "one")
	}
	for name, c := range map[string]struct {
		findings []api.NewFinding
		end      error
		want     int
	}{
		"a uid of an earlier batch": {append(slices.Clip(many), many[7]), nil, http.StatusConflict},
		"a uid of the same batch":   {[]api.NewFinding{many[1], many[1]}, nil, http.StatusConflict},
		"a broken connection":       {many, rest.Errorf(http.StatusBadRequest, "cut"), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScanner(t)
			if _, err := ingest(t.Context(), s.Queries, s.executing(t), each(c.findings, c.end), &metered{}); status(err) != c.want {
				t.Errorf("status %d, want %d: %v", status(err), c.want, err)
			}
			s.holdsNothing(t)
		})
	}
}

// each gives the findings, and at last the error if there is one.
func each(findings []api.NewFinding, end error) iter.Seq2[api.NewFinding, error] {
	return func(yield func(api.NewFinding, error) bool) {
		for _, n := range findings {
			if !yield(n, nil) {
				return
			}
		}
		if end != nil {
			yield(api.NewFinding{}, end)
		}
	}
}

func (s *scanner) holdsNothing(t *testing.T) {
	t.Helper()
	for _, table := range []string{"findings", "resources", "finding_resources"} {
		var n int64
		if err := s.Querier().QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s has %d rows after a failed report: %v", table, n, err)
		}
	}
}

func TestMuteRulesAtIngestAndApplied(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	rule := func(name string, region *string, enabled bool) tenantdb.MuteRule {
		r, err := s.CreateMuteRule(t.Context(), tenantdb.CreateMuteRuleParams{
			Name: name, Reason: name, CheckID: new("s3_bucket_versioning_enabled"), Region: region, Enabled: enabled, CreatedBy: "alice",
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	rule("ireland", new("eu-west-*"), true)
	rule("an underscore is no pattern", new("eu_central*"), true)
	frankfurt := rule("frankfurt", new("eu-central-?"), false)
	scan := s.executing(t)
	there, elsewhere := newFinding("a", api.FindingStatusFail, "one"), newFinding("b", api.FindingStatusFail, "one")
	elsewhere.Region = "eu-central-1"
	got, err := s.ingest(t, scan, there, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.IngestResult{Findings: 2, Resources: 1, New: 2, Muted: 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.finish(t, scan)
	apply := func() (api.ApplyMuteRuleResponseObject, error) {
		return s.custom.ApplyMuteRule(t.Context(), s.Queries, api.ApplyMuteRuleRequestObject{MuteRuleId: frankfurt.ID})
	}
	if _, err := apply(); status(err) != http.StatusConflict {
		t.Errorf("a disabled rule: %v", err)
	}
	for _, region := range []string{"eu-central-?", "eu-*"} { // Only * is a pattern.
		if _, err := s.UpdateMuteRule(t.Context(), tenantdb.UpdateMuteRuleParams{
			MuteRuleID: frankfurt.ID, SetEnabled: true, Enabled: new(true), SetRegion: true, Region: &region,
		}); err != nil {
			t.Fatal(err)
		}
		applied, err := apply()
		want := api.AppliedMuteRule{Muted: 0}
		if region == "eu-*" {
			want.Muted = 1
		}
		if err != nil || !cmp.Equal(applied, api.ApplyMuteRuleResponseObject(api.ApplyMuteRule200JSONResponse(want))) {
			t.Errorf("applied %s: %+v, %v", region, applied, err)
		}
	}
	// What a rule has muted is muted by the rules again, not for ever.
	if _, err := s.Querier().Exec(t.Context(), "DELETE FROM mute_rules"); err != nil {
		t.Fatal(err)
	}
	got, err = s.ingest(t, s.executing(t), there, elsewhere)
	if err != nil || got.Muted != 0 {
		t.Errorf("without rules: %+v, %v", got, err)
	}
}

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

func TestFindingsOfManyResources(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	if _, err := s.ingest(t, scan, newFinding("a", api.FindingStatusFail, "one", "two"), newFinding("b", api.FindingStatusFail, "two"), newFinding("c", api.FindingStatusPass, "two")); err != nil {
		t.Fatal(err)
	}
	known, err := s.ListResourceIDs(t.Context(), tenantdb.ListResourceIDsParams{ProviderID: s.provider, Uids: []string{"one", "two", "three"}})
	if err != nil {
		t.Fatal(err)
	}
	uids := make([]string, len(known))
	asked := make([]tenantdb.ListFindingsOfResourcesParams, len(known))
	for i, r := range known {
		uids[i], asked[i] = r.Uid, tenantdb.ListFindingsOfResourcesParams{ResourceID: r.ID, PageLimit: 10}
	}
	got := map[string]int{}
	s.ListFindingsOfResources(t.Context(), asked).Query(func(i int, rows []tenantdb.ListFindingsOfResourcesRow, err error) {
		if err != nil {
			t.Errorf("findings of %s: %v", uids[i], err)
		}
		got[uids[i]] = len(rows)
	})
	if diff := cmp.Diff(map[string]int{"one": 1, "two": 2}, got); diff != "" {
		t.Errorf("failing findings by resource (-want +got):\n%s", diff)
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
