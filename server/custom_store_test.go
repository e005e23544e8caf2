package main

import (
	"fmt"
	"iter"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

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
