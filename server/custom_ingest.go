package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// IngestFindings stores the report of a scanner: resources by upsert, findings
// and their links by COPY, all in one transaction. Sent again it replaces what
// it stored, so a scanner may repeat a report that it got no answer to.
func (custom) IngestFindings(ctx context.Context, q *tenantdb.Queries, req api.IngestFindingsRequestObject) (api.IngestFindingsResponseObject, error) {
	report, err := newReport(req.Body.Findings)
	if err != nil {
		return nil, err
	}
	var result api.IngestResult
	err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		var err error
		result, err = report.store(ctx, tx, req.ScanId)
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.IngestFindings200JSONResponse(result), nil
}

// report is a scanner's report, sorted and without repetitions. The order
// keeps two reports about the same resources from waiting for each other.
type report struct {
	findings  []api.NewFinding // as they came
	last      map[string]int   // the place of each uid, its last one
	rows      []tenantdb.InsertFindingsParams
	resources []tenantdb.UpsertResourcesParams
}

func newReport(findings []api.NewFinding) (*report, error) {
	r := &report{findings: findings, last: make(map[string]int, len(findings))}
	for i, n := range findings {
		r.last[n.Uid] = i
	}
	var f rest.Fields
	resources := map[string]tenantdb.UpsertResourcesParams{}
	for _, uid := range slices.Sorted(maps.Keys(r.last)) {
		n := findings[r.last[uid]]
		place := "body.findings." + strconv.Itoa(r.last[uid]) + "."
		row := tenantdb.InsertFindingsParams{
			Uid:          n.Uid,
			CheckID:      n.CheckId,
			Service:      n.Service,
			Region:       n.Region,
			Severity:     tenantdb.Severity(n.Severity),
			Status:       tenantdb.FindingStatus(n.Status),
			StatusDetail: orZero(n.StatusDetail),
			RiskScore:    rest.Take(&f, place+"risk_score", rest.StringToDecimal, orElse(n.RiskScore, "0")),
			Categories:   orElse(n.Categories, []string{}),
		}
		if n.Evidence != nil {
			row.Evidence = rest.Take(&f, place+"evidence", toJSON, any(*n.Evidence))
		}
		r.rows = append(r.rows, row)
		for _, about := range n.Resources {
			resources[about.Uid] = tenantdb.UpsertResourcesParams{
				Uid:     about.Uid,
				Name:    orZero(about.Name),
				Service: n.Service,
				Region:  n.Region,
				Kind:    about.Kind,
				Tags:    rest.Take(&f, place+"resources", toJSON, any(orElse(about.Tags, map[string]string{}))),
			}
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(resources)) {
		r.resources = append(r.resources, resources[uid])
	}
	return r, f.Invalid()
}

func toJSON(v any) ([]byte, error) { return json.Marshal(v) }

// store writes the report within tx.
func (r *report) store(ctx context.Context, tx *tenantdb.Queries, scanID uuid.UUID) (api.IngestResult, error) {
	result := api.IngestResult{Resources: int64(len(r.resources))}
	locked, err := lockScan(ctx, tx, scanID, tenantdb.ScanStateExecuting)
	if err != nil {
		return result, err
	}
	resourceIDs, err := r.upsertResources(ctx, tx, locked.Scan.ProviderID)
	if err != nil {
		return result, err
	}
	uids := slices.Sorted(maps.Keys(r.last))
	known, err := tx.ListKnownFindings(ctx, tenantdb.ListKnownFindingsParams{ProviderID: locked.Scan.ProviderID, ScanID: scanID, Uids: uids})
	if err != nil {
		return result, err
	}
	r.compare(known, locked, &result)
	if _, err := tx.DeleteScanFindings(ctx, tenantdb.DeleteScanFindingsParams{ScanID: scanID, Uids: uids}); err != nil {
		return result, err
	}
	if result.Findings, err = tx.InsertFindings(ctx, r.rows); err != nil {
		return result, err
	}
	_, err = tx.LinkFindingResources(ctx, r.links(resourceIDs))
	return result, err
}

// upsertResources notes that the resources were seen and gives their ids by uid.
func (r *report) upsertResources(ctx context.Context, tx *tenantdb.Queries, providerID uuid.UUID) (map[string]uuid.UUID, error) {
	for i := range r.resources {
		r.resources[i].ProviderID = providerID
	}
	ids := make(map[string]uuid.UUID, len(r.resources))
	var failed error
	tx.UpsertResources(ctx, r.resources).QueryRow(func(_ int, row tenantdb.UpsertResourcesRow, err error) {
		if err != nil && failed == nil {
			failed = fmt.Errorf("upsert a resource: %w", err)
		}
		ids[row.Uid] = row.ID
	})
	return ids, failed
}

// compare completes the rows with what the provider's last completed scan
// said of the same findings: a muted finding stays muted.
func (r *report) compare(known []tenantdb.ListKnownFindingsRow, locked tenantdb.LockScanRow, result *api.IngestResult) {
	before := make(map[string]tenantdb.ListKnownFindingsRow, len(known))
	for _, k := range known {
		before[k.Uid] = k
	}
	for i := range r.rows {
		row := &r.rows[i]
		row.ID, row.ScanID, row.FirstSeenAt, row.Delta = uuid.New(), locked.Scan.ID, locked.LockedAt, nil
		k, seen := before[row.Uid]
		switch {
		case !seen:
			row.Delta = new(tenantdb.FindingDeltaNew)
			result.New++
			continue
		case k.Status != row.Status:
			row.Delta = new(tenantdb.FindingDeltaChanged)
			result.Changed++
		}
		row.FirstSeenAt = k.FirstSeenAt
		row.Muted, row.MutedReason, row.MutedBy, row.MutedAt = k.Muted, k.MutedReason, k.MutedBy, k.MutedAt
		if k.Muted {
			result.Muted++
		}
	}
}

// links says which resources each finding is about, each once.
func (r *report) links(resourceIDs map[string]uuid.UUID) []tenantdb.LinkFindingResourcesParams {
	var links []tenantdb.LinkFindingResourcesParams
	for _, row := range r.rows {
		about := map[uuid.UUID]bool{}
		for _, resource := range r.findings[r.last[row.Uid]].Resources {
			id := resourceIDs[resource.Uid]
			if !about[id] {
				about[id] = true
				links = append(links, tenantdb.LinkFindingResourcesParams{FindingID: row.ID, ResourceID: id})
			}
		}
	}
	return links
}
