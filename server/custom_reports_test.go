package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
)

// report makes a report of a scan and downloads it.
func (s *scanner) report(t *testing.T, scan uuid.UUID, format tenantdb.ReportFormat, severities ...tenantdb.Severity) string {
	t.Helper()
	made, err := s.CreateReport(t.Context(), tenantdb.CreateReportParams{
		ScanID: scan, Title: "Audit", Format: format, Severities: append([]tenantdb.Severity{}, severities...), RequestedBy: "alice",
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.custom.DownloadReport(t.Context(), s.Queries, api.DownloadReportRequestObject{ReportId: made.ID})
	if err != nil {
		t.Fatal(err)
	}
	var body io.Reader
	switch res := res.(type) {
	case api.DownloadReport200TextcsvResponse:
		body = res.Body
	case api.DownloadReport200ApplicationxNdjsonResponse:
		body = res.Body
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReportsHoldEveryFindingOnce(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	var want []string
	var many []api.NewFinding
	for i := range 2*reportPage + 3 { // The last page is neither full nor empty.
		n := newFinding(fmt.Sprintf("f%05d", i), api.FindingStatusFail, "one", "two")
		if i%2 == 0 {
			n.Severity = api.Low
		}
		many = append(many, n)
		want = append(want, n.Uid)
	}
	if _, err := s.ingest(t, scan, many...); err != nil {
		t.Fatal(err)
	}
	s.finish(t, scan)
	var got []string
	for line := range strings.Lines(s.report(t, scan, tenantdb.ReportFormatNdjson)) {
		var row api.ReportRow
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		got = append(got, row.Uid)
		if !slices.Equal(row.Resources, []string{"one", "two"}) {
			t.Fatalf("resources: %v", row.Resources)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("uids (-want +got):\n%s", diff)
	}
	rows, err := csv.NewReader(strings.NewReader(s.report(t, scan, tenantdb.ReportFormatCsv, tenantdb.SeverityLow))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+reportPage+2 || !slices.Equal(rows[0], reportColumns) || rows[1][9] != "one two" {
		t.Errorf("%d rows, the first %v", len(rows), rows[0])
	}
}

func TestReportCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	for i, text := range []string{`=HYPERLINK("http://x")`, "+1", "-1", "@SUM(A1)", "\tx", "\rx", "a=b", ""} {
		n := newFinding(fmt.Sprintf("%s%d", text, i), api.FindingStatusFail, "=cmd")
		n.StatusDetail = &text
		if _, err := s.ingest(t, scan, n); err != nil {
			t.Fatal(err)
		}
	}
	s.finish(t, scan)
	rows, err := csv.NewReader(strings.NewReader(s.report(t, scan, tenantdb.ReportFormatCsv))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 9 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a cell begins as a formula: %q", cell)
			}
		}
	}
}

func TestReportsThatAreOver(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	s.finish(t, scan)
	made, err := s.CreateReport(t.Context(), tenantdb.CreateReportParams{
		ScanID: scan, Title: "Audit", Format: tenantdb.ReportFormatCsv, Severities: []tenantdb.Severity{}, RequestedBy: "alice",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Querier().Exec(t.Context(), "UPDATE reports SET expires_at = now()"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.custom.DownloadReport(t.Context(), s.Queries, api.DownloadReportRequestObject{ReportId: made.ID}); status(err) != http.StatusNotFound {
		t.Errorf("an expired report: %v", err)
	}
}

// A report whose findings go while it is sent is no shorter report.
func TestReportsThatAreDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	if _, err := s.ingest(t, scan, newFinding("a", api.FindingStatusFail, "one")); err != nil {
		t.Fatal(err)
	}
	s.finish(t, scan)
	made, err := s.CreateReport(t.Context(), tenantdb.CreateReportParams{
		ScanID: scan, Title: "Audit", Format: tenantdb.ReportFormatNdjson, Severities: []tenantdb.Severity{}, RequestedBy: "alice",
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.custom.DownloadReport(t.Context(), s.Queries, api.DownloadReportRequestObject{ReportId: made.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteProvider(t.Context(), s.provider); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(res.(api.DownloadReport200ApplicationxNdjsonResponse).Body); err == nil {
		t.Errorf("it was sent as if it were whole: %q", text)
	}
}

var errGone = errors.New("gone")

// A report that breaks off must not look like a whole one.
func TestReportsThatBreakOff(t *testing.T) {
	t.Parallel()
	pages := 0
	next := func() ([]api.ReportRow, error) {
		if pages++; pages > 1 {
			return nil, errGone
		}
		return []api.ReportRow{{Uid: "f"}}, nil
	}
	for _, write := range []func(io.Writer, reportRows) error{writeCSV, writeNDJSON} {
		pages = 0
		if err := write(io.Discard, next); !errors.Is(err, errGone) {
			t.Errorf("error %v, want that of the page", err)
		}
	}
}
