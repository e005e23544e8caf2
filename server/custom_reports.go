package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// reportPage is how many findings of a report are held at a time.
const reportPage = 1000

// DownloadReport streams the findings of a report. Each page is a statement of
// its own, so that a slow client holds no transaction and runs into no timeout.
func (custom) DownloadReport(ctx context.Context, q *tenantdb.Queries, req api.DownloadReportRequestObject) (api.DownloadReportResponseObject, error) {
	report, err := q.GetReportExtent(ctx, req.ReportId)
	if err != nil {
		return nil, err
	}
	name := new(fmt.Sprintf(`attachment; filename="report-%d.%s"`, report.ID, report.Format))
	body := func(write func(w io.Writer, next reportRows) error) io.Reader {
		return rest.Stream(func(w io.Writer) error {
			out := bufio.NewWriter(w)
			if err := write(out, pagesOf(ctx, q, report)); err != nil {
				return err
			}
			return out.Flush()
		})
	}
	if report.Format == tenantdb.ReportFormatCsv {
		return api.DownloadReport200TextcsvResponse{Body: body(writeCSV), Headers: api.DownloadReport200ResponseHeaders{ContentDisposition: name}}, nil
	}
	return api.DownloadReport200ApplicationxNdjsonResponse{Body: body(writeNDJSON), Headers: api.DownloadReport200ResponseHeaders{ContentDisposition: name}}, nil
}

// reportRows gives the next page of a report, and at its end an empty one.
type reportRows func() ([]api.ReportRow, error)

func pagesOf(ctx context.Context, q *tenantdb.Queries, report tenantdb.GetReportExtentRow) reportRows {
	params := tenantdb.ListReportRowsParams{
		ScanID: report.ScanID, Severities: report.Severities, PeriodStart: report.PeriodStart, PeriodEnd: report.PeriodEnd, PageLimit: reportPage,
	}
	return func() ([]api.ReportRow, error) {
		found, err := q.ListReportRows(ctx, params)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 { // The end, unless the findings went with their scan meanwhile.
			_, err := q.GetReportExtent(ctx, report.ID)
			return nil, err
		}
		params.AfterUid = found[len(found)-1].Uid
		var f rest.Fields
		page := rest.Rows(&f, found, handlers.ToReportRowFromListReportRowsRow)
		return page, f.Unanswerable()
	}
}

func writeNDJSON(w io.Writer, next reportRows) error {
	out := json.NewEncoder(w)
	return eachRow(next, func(row api.ReportRow) error { return out.Encode(row) })
}

// reportColumns are the header of a report in CSV.
//
//nolint:goconst // A table of names.
var reportColumns = []string{
	"uid", "check_id", "service", "region", "severity", "status", "status_detail", "risk_score", "categories", "resources",
	"first_seen_at", "reported_at", "muted", "muted_reason",
}

func writeCSV(w io.Writer, next reportRows) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(reportColumns); err != nil {
		return err
	}
	err := eachRow(next, func(r api.ReportRow) error {
		reason, _ := r.MutedReason.Get() // An empty cell when it is null.
		cells := []string{
			r.Uid, r.CheckId, r.Service, r.Region, string(r.Severity), string(r.Status), r.StatusDetail, r.RiskScore,
			strings.Join(r.Categories, " "), strings.Join(r.Resources, " "),
			r.FirstSeenAt.Format(time.RFC3339), r.ReportedAt.Format(time.RFC3339), strconv.FormatBool(r.Muted), reason,
		}
		for i, cell := range cells {
			cells[i] = defused(cell)
		}
		return out.Write(cells)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// eachRow writes the pages to their end.
func eachRow(next reportRows, write func(api.ReportRow) error) error {
	for {
		page, err := next()
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			if err := write(row); err != nil {
				return err
			}
		}
	}
}

// defused keeps a spreadsheet from taking a cell for a formula. What scanners
// report comes from resources that others may name.
func defused(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
