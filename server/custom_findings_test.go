package main

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
)

func search(t *testing.T, q *tenantdb.Queries, p api.ListFindingsParams) (api.FindingPage, error) {
	t.Helper()
	resp, err := newCustom(demoKeys, nil).ListFindings(t.Context(), q, api.ListFindingsRequestObject{Params: p})
	if err != nil {
		return api.FindingPage{}, err
	}
	return api.FindingPage(resp.(api.ListFindings200JSONResponse)), nil
}

func TestFindingFilters(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, "globex")
	q := bind(t, db, tenants[0])
	var provider uuid.UUID
	var resource string
	const anyResource = "SELECT p.id, r.uid FROM providers p JOIN resources r ON r.provider_id = p.id WHERE p.kind = 'aws' AND r.service = 's3' ORDER BY r.uid LIMIT 1"
	if err := q.Querier().QueryRow(t.Context(), anyResource).Scan(&provider, &resource); err != nil {
		t.Fatal(err)
	}
	var scan uuid.UUID
	if err := q.Querier().QueryRow(t.Context(), "SELECT scan_id FROM findings ORDER BY created_at LIMIT 1").Scan(&scan); err != nil {
		t.Fatal(err)
	}
	monthAgo := time.Now().AddDate(0, 0, -30)
	weekAgo := time.Now().AddDate(0, 0, -6)
	for name, c := range map[string]struct {
		params api.ListFindingsParams
		sql    string
	}{
		"latest":     {api.ListFindingsParams{Scans: new(api.LatestScans)}, "scan_id IN (SELECT scan_id FROM provider_posture)"},
		"all":        {api.ListFindingsParams{}, "true"},
		"severities": {api.ListFindingsParams{Severity: &[]api.Severity{api.Critical, api.Low}}, "severity IN ('critical', 'low')"},
		"status":     {api.ListFindingsParams{Status: &[]api.FindingStatus{api.FindingStatusFail}}, "status = 'fail'"},
		"delta":      {api.ListFindingsParams{Delta: new(api.Changed)}, "delta = 'changed'"},
		"muted":      {api.ListFindingsParams{Muted: new(true)}, "muted"},
		"not muted":  {api.ListFindingsParams{Muted: new(false), Status: &[]api.FindingStatus{api.FindingStatusFail}}, "failing"},
		"provider":   {api.ListFindingsParams{ProviderId: &provider}, "uid LIKE 'finding-aws-%'"},
		"check":      {api.ListFindingsParams{Check: &[]string{"s3_bucket_versioning_enabled"}}, "check_id = 's3_bucket_versioning_enabled'"},
		"service":    {api.ListFindingsParams{Service: &[]string{"s3", "iam"}}, "service IN ('s3', 'iam')"},
		"region":     {api.ListFindingsParams{Region: &[]string{"eu-central-1"}}, "region = 'eu-central-1'"},
		"resource":   {api.ListFindingsParams{Resource: &resource}, "id IN (SELECT finding_id FROM finding_resources JOIN resources r ON r.id = resource_id WHERE r.uid = '" + resource + "')"},
		"search":     {api.ListFindingsParams{Search: new("bucket versions")}, "check_id = 's3_bucket_versioning_enabled'"},
		"from":       {api.ListFindingsParams{SeenFrom: &weekAgo}, "created_at >= now() - interval '6 days'"},
		"until":      {api.ListFindingsParams{SeenUntil: &weekAgo}, "created_at < now() - interval '6 days'"},
		"category":   {api.ListFindingsParams{Category: &[]string{"encryption", "nonsense"}}, "'encryption' = ANY (categories)"},
		"tags":       {api.ListFindingsParams{Tag: &[]string{"env=prod", "team=data"}}, `id IN (SELECT finding_id FROM finding_resources JOIN resources r ON r.id = resource_id WHERE tags @> '{"env": "prod", "team": "data"}')`},
		"one scan":   {api.ListFindingsParams{ScanId: &scan}, "scan_id = '" + scan.String() + "'"},
		"first seen": {api.ListFindingsParams{FirstSeenFrom: &monthAgo, FirstSeenUntil: &weekAgo}, "first_seen_at >= now() - interval '30 days' AND first_seen_at < now() - interval '6 days'"},
		"hostile":    {api.ListFindingsParams{Service: &[]string{"s3') OR (true"}, Search: new(`'"; DROP TABLE findings; --`)}, "false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []string
			rows, err := q.Querier().Query(t.Context(), "SELECT id::text FROM findings WHERE "+c.sql)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var id string
				if err := rows.Scan(&id); err != nil {
					t.Fatal(err)
				}
				want = append(want, id)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if c.params.Scans == nil {
				c.params.Scans = new(api.AllScans)
			}
			c.params.Limit = new(int32(10000))
			page, err := search(t, q, c.params)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range page.Items {
				got = append(got, f.Id.String())
			}
			slices.Sort(want)
			slices.Sort(got)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%d findings, want %d (-want +got):\n%.500s", len(got), len(want), diff)
			}
			if len(want) == 0 && name != "hostile" {
				t.Error("nothing to find")
			}
		})
	}
}

func TestFindingPagesAreComplete(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, "initech")
	q := bind(t, db, tenants[0])
	gravest := func(a, b api.Finding) int { return cmp.Compare(gravity(b), gravity(a)) }
	latest := func(a, b api.Finding) int { return b.CreatedAt.Compare(a.CreatedAt) }
	riskiest := func(a, b api.Finding) int { return cmp.Compare(risk(t, b), risk(t, a)) }
	service := func(a, b api.Finding) int { return cmp.Compare(a.Service, b.Service) }
	check := func(a, b api.Finding) int { return cmp.Compare(a.CheckId, b.CheckId) }
	down := func(of func(a, b api.Finding) int) func(a, b api.Finding) int {
		return func(a, b api.Finding) int { return of(b, a) }
	}
	for sort, by := range map[string][]func(a, b api.Finding) int{
		"-severity":               {gravest},
		"severity":                {down(gravest)},
		"-seen":                   {latest},
		"seen":                    {down(latest)},
		"-risk":                   {riskiest},
		"risk":                    {down(riskiest)},
		"-check":                  {down(check)},
		"service,check":           {service, check},
		"-severity,-risk":         {gravest, riskiest},
		"service,-risk,-seen":     {service, riskiest, latest},
		"-seen,severity,service":  {latest, down(gravest), service},
		"status,-status,-service": {nil, down(service)},
	} {
		t.Run(sort, func(t *testing.T) {
			t.Parallel()
			sorts := labels[api.FindingSort](strings.Split(sort, ","))
			less := func(a, b api.Finding) bool {
				for _, compare := range by {
					if compare == nil {
						compare = func(a, b api.Finding) int { return cmp.Compare(verdict(a), verdict(b)) }
					}
					if c := compare(a, b); c != 0 {
						return c < 0
					}
				}
				return false
			}
			params := api.ListFindingsParams{Scans: new(api.AllScans), Sort: &sorts, Limit: new(int32(7))}
			seen := map[uuid.UUID]bool{}
			var last *api.Finding
			for {
				page, err := search(t, q, params)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range page.Items {
					if seen[f.Id] {
						t.Fatalf("finding %s twice", f.Id)
					}
					seen[f.Id] = true
					if last != nil && less(f, *last) {
						t.Fatalf("%+v after %+v", f, *last)
					}
					last = &f
				}
				next, err := page.NextCursor.Get()
				if err != nil {
					break
				}
				params.Cursor = &next
			}
			var want int
			if err := q.Querier().QueryRow(t.Context(), "SELECT count(*) FROM findings").Scan(&want); err != nil {
				t.Fatal(err)
			}
			if len(seen) != want {
				t.Errorf("%d findings, want %d", len(seen), want)
			}
		})
	}
}

func gravity(f api.Finding) int {
	return slices.Index([]api.Severity{api.Informational, api.Low, api.Medium, api.High, api.Critical}, f.Severity)
}

func verdict(f api.Finding) int {
	return slices.Index([]api.FindingStatus{api.FindingStatusPass, api.FindingStatusManual, api.FindingStatusFail}, f.Status)
}

func risk(t *testing.T, f api.Finding) float64 {
	t.Helper()
	score, err := strconv.ParseFloat(f.RiskScore, 64)
	if err != nil {
		t.Fatal(err)
	}
	return score
}

func TestFindingCursorsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, "initech")
	q := bind(t, db, tenants[0])
	page, err := search(t, q, api.ListFindingsParams{Limit: new(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	cursor := page.NextCursor.MustGet()
	for name, text := range map[string]string{
		"of another order": cursor,
		"cut short":        cursor[:len(cursor)-3],
		"no cursor":        "abc",
		"wrong key":        encodeCursor(`{"o":"listFindings seen","v":["yesterday'; --","8c1f0f0e-0000-0000-0000-000000000000"]}`),
		"wrong id":         encodeCursor(`{"o":"listFindings seen","v":["2026-01-01T00:00:00Z","x"]}`),
		"null":             encodeCursor(`{"o":"listFindings seen","v":[null,null]}`),
	} {
		_, err := search(t, q, api.ListFindingsParams{Sort: &[]api.FindingSort{api.SortLatestLast}, Cursor: &text})
		if got := status(err); got != http.StatusBadRequest {
			t.Errorf("cursor %s: status %d, want 400: %v", name, got, err)
		}
	}
	if strings.Contains(cursor, "{") {
		t.Error("the cursor is not opaque")
	}
}

func encodeCursor(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

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
	if diff := gocmp.Diff(map[string]int{"one": 1, "two": 2}, got); diff != "" {
		t.Errorf("failing findings by resource (-want +got):\n%s", diff)
	}
}
