package main

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// ingestBatch is how many findings are held at a time, and ingestBytes how many
// bytes of the report they may come from. Each batch takes four statements, each
// of which stays far below the timeout of a statement.
const (
	ingestBatch = 2000
	ingestBytes = 1 << 20
)

// IngestFindings stores the report of a scanner: resources by upsert, findings
// and their links by COPY, all in one transaction. It begins when the report is
// here: a scanner that stalls would hold a connection, which others wait for.
func (c custom) IngestFindings(ctx context.Context, q *tenantdb.Queries, req api.IngestFindingsRequestObject) (api.IngestFindingsResponseObject, error) {
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		_, err := lockScan(ctx, tx, req.ScanId, statesExecuting) // A report that nobody waits for is refused at once.
		return err
	})
	if err != nil {
		return nil, err
	}
	body, err := rest.Spool(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	done, err := c.ingests.take(ctx, q.Querier().Tenant().ID)
	if err != nil {
		return nil, err
	}
	defer done()
	report := &metered{Reader: body}
	result, err := ingest(ctx, q, req.ScanId, rest.Lines[api.NewFinding](ctx, report), report)
	if err != nil {
		return nil, err
	}
	return api.IngestFindings200JSONResponse(result), nil
}

// metered counts what was read.
type metered struct {
	io.Reader

	n int64
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n += int64(n)
	return n, err
}

// ingest stores all the findings, as they are read from the report, or none.
// They can be read only once, so the transaction has only one attempt.
func ingest(ctx context.Context, q *tenantdb.Queries, scanID uuid.UUID, findings iter.Seq2[api.NewFinding, error], report *metered) (api.IngestResult, error) {
	in := &ingestion{}
	err := q.InTx(ctx, tenant.TxOptions{MaxAttempts: 1}, func(ctx context.Context, tx *tenantdb.Queries) error {
		var err error
		if in.scan, err = lockScan(ctx, tx, scanID, statesExecuting); err != nil {
			return err
		}
		batch, stored := make([]api.NewFinding, 0, ingestBatch), int64(0)
		for n, err := range findings {
			if err != nil {
				return err
			}
			if batch = append(batch, n); len(batch) < ingestBatch && report.n-stored < ingestBytes {
				continue
			}
			if err := in.store(ctx, tx, batch); err != nil {
				return err
			}
			clear(batch) // Its values are garbage now.
			batch, stored = batch[:0], report.n
		}
		if err := in.store(ctx, tx, batch); err != nil {
			return err
		}
		muted, err := applyMuteRules(ctx, tx, tenantdb.ApplyMuteRulesParams{ScanID: &scanID})
		if err != nil {
			return err
		}
		in.result.Muted += muted
		in.result.Resources, err = tx.CountIngestedResources(ctx, scanID)
		return err
	})
	if err != nil {
		return api.IngestResult{}, err
	}
	return in.result, nil
}

// ingestion is a report on its way into the database.
type ingestion struct {
	scan   tenantdb.LockScanRow
	lines  int // how many lines came before the batch
	result api.IngestResult
}

// store writes one batch within tx.
func (in *ingestion) store(ctx context.Context, tx *tenantdb.Queries, batch []api.NewFinding) error {
	if len(batch) == 0 {
		return nil
	}
	resources, err := in.upsert(ctx, tx, batch)
	if err != nil {
		return err
	}
	rows, err := in.rows(ctx, tx, batch)
	if err != nil {
		return err
	}
	switch _, err := tx.InsertFindings(ctx, rows); {
	case tenant.CodeOf(err) == tenant.CodeConflict:
		return rest.Errorf(http.StatusConflict, "lines %d to %d: a uid comes twice, or was reported before", in.lines+1, in.lines+len(batch))
	case err != nil:
		return err
	}
	if _, err := tx.LinkFindingResources(ctx, links(batch, rows, resources)); err != nil {
		return err
	}
	in.lines += len(batch)
	in.result.Findings += int64(len(rows))
	return nil
}

// upsert notes that the resources were seen and gives their ids by uid. The
// last word on a resource counts.
func (in *ingestion) upsert(ctx context.Context, tx *tenantdb.Queries, batch []api.NewFinding) (map[string]uuid.UUID, error) {
	type seen struct{ finding, resource int }
	last := map[string]seen{}
	for i, n := range batch {
		for j, r := range n.Resources {
			last[r.Uid] = seen{i, j}
		}
	}
	params := tenantdb.UpsertResourcesParams{ProviderID: in.scan.Scan.ProviderID, Uids: slices.Sorted(maps.Keys(last))}
	for _, uid := range params.Uids {
		n := batch[last[uid].finding]
		r := n.Resources[last[uid].resource]
		tags, err := json.Marshal(orElse(r.Tags, map[string]string{}))
		if err != nil {
			return nil, err
		}
		params.Names = append(params.Names, orZero(r.Name))
		params.Services = append(params.Services, n.Service)
		params.Regions = append(params.Regions, n.Region)
		params.Kinds = append(params.Kinds, r.Kind)
		params.Tags = append(params.Tags, string(tags))
	}
	stored, err := tx.UpsertResources(ctx, params)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]uuid.UUID, len(stored))
	for _, r := range stored {
		ids[r.Uid] = r.ID
	}
	return ids, nil
}

// rows compares the batch with what the provider's last completed scan said of
// the same findings. What a person has muted stays muted; what a rule has muted
// is for the rules to mute again.
func (in *ingestion) rows(ctx context.Context, tx *tenantdb.Queries, batch []api.NewFinding) ([]tenantdb.InsertFindingsParams, error) {
	uids := make([]string, len(batch))
	for i, n := range batch {
		uids[i] = n.Uid
	}
	known, err := tx.ListKnownFindings(ctx, tenantdb.ListKnownFindingsParams{ProviderID: in.scan.Scan.ProviderID, ScanID: in.scan.Scan.ID, Uids: uids})
	if err != nil {
		return nil, err
	}
	before := make(map[string]tenantdb.ListKnownFindingsRow, len(known))
	for _, k := range known {
		before[k.Uid] = k
	}
	var f rest.Fields
	rows := make([]tenantdb.InsertFindingsParams, len(batch))
	for i, n := range batch {
		row := in.row(&f, in.lines+i+1, n)
		k, seen := before[row.Uid]
		switch {
		case !seen:
			row.Delta = new(tenantdb.FindingDeltaNew)
			in.result.New++
		case k.Status != row.Status:
			row.Delta = new(tenantdb.FindingDeltaChanged)
			in.result.Changed++
		}
		if seen {
			row.FirstSeenAt = k.FirstSeenAt
		}
		if k.Muted && k.MuteRuleID == nil {
			row.Muted, row.MutedReason, row.MutedBy, row.MutedAt = true, k.MutedReason, k.MutedBy, k.MutedAt
			in.result.Muted++
		}
		rows[i] = row
	}
	return rows, f.Invalid()
}

func (in *ingestion) row(f *rest.Fields, line int, n api.NewFinding) tenantdb.InsertFindingsParams {
	row := tenantdb.InsertFindingsParams{
		ID:           uuid.New(),
		ScanID:       in.scan.Scan.ID,
		Uid:          n.Uid,
		CheckID:      n.CheckId,
		Service:      n.Service,
		Region:       n.Region,
		Severity:     tenantdb.Severity(n.Severity),
		Status:       tenantdb.FindingStatus(n.Status),
		StatusDetail: orZero(n.StatusDetail),
		RiskScore:    rest.Take(f, "body.line "+strconv.Itoa(line)+".risk_score", rest.StringToDecimal, orElse(n.RiskScore, "0")),
		Categories:   orElse(n.Categories, []string{}),
		FirstSeenAt:  in.scan.LockedAt,
	}
	if n.Evidence != nil {
		row.Evidence = rest.Take(f, "body.line "+strconv.Itoa(line)+".evidence", toJSON, any(*n.Evidence))
	}
	return row
}

func toJSON(v any) ([]byte, error) { return json.Marshal(v) }

// links says which resources each finding is about, each once.
func links(batch []api.NewFinding, rows []tenantdb.InsertFindingsParams, resources map[string]uuid.UUID) []tenantdb.LinkFindingResourcesParams {
	var links []tenantdb.LinkFindingResourcesParams
	for i, n := range batch {
		about := make(map[uuid.UUID]bool, len(n.Resources))
		for _, r := range n.Resources {
			if id := resources[r.Uid]; !about[id] {
				about[id] = true
				links = append(links, tenantdb.LinkFindingResourcesParams{FindingID: rows[i].ID, ResourceID: id})
			}
		}
	}
	return links
}
