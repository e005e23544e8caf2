package main

import (
	"net/http"
	"testing"

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
	s := &scanner{Queries: tenantdb.New(db.Bind(t, 0)), custom: newCustom(demoKeys, nil)}
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
