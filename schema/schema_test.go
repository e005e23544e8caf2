package schema_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/publicdb"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/schema"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// rows are what every test of this package starts from.
const rows = `
INSERT INTO roles (name, permissions) VALUES
    ('admin', '{manage_users,manage_scans}'), ('reader', '{view_findings}'), ('idle', '{}');
INSERT INTO users (id, email, display_name) VALUES
    ('00000000-0000-0000-0000-00000000000a', 'Ann@acme.example', 'Ann'),
    ('00000000-0000-0000-0000-00000000000b', 'bob@acme.example', 'Bob');
INSERT INTO providers (id, kind, uid, scan_every) VALUES
    ('00000000-0000-0000-0000-0000000000aa', 'aws', '123456789012', '1 day'),
    ('00000000-0000-0000-0000-0000000000bb', 'gcp', 'project-4711', NULL);
`

var (
	ann   = uuid.MustParse("00000000-0000-0000-0000-00000000000a")
	bob   = uuid.MustParse("00000000-0000-0000-0000-00000000000b")
	aws   = uuid.MustParse("00000000-0000-0000-0000-0000000000aa")
	empty = []tenantdb.Severity{}
)

func open(t *testing.T) (*tenantdb.Queries, *publicdb.Queries) {
	t.Helper()
	db := tenanttest.New(t, tenanttest.Options{
		Schema:    catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed},
		TenantSQL: rows,
	})
	return tenantdb.New(db.Bind(t, 0)), publicdb.New(db.DB.Public())
}

// must fails the test with an error, and else gives the value.
func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestConstraintsHold(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	for what, c := range map[string]struct {
		sql  string
		code tenant.Code
	}{
		"two addresses that differ in case": {"INSERT INTO users (email, display_name) VALUES ('ANN@ACME.example', 'x')", tenant.CodeConflict},
		"no address":                        {"INSERT INTO users (email, display_name) VALUES ('ann', 'x')", tenant.CodeInvalid},
		"the same provider twice":           {"INSERT INTO providers (kind, uid) VALUES ('aws', '123456789012')", tenant.CodeConflict},
		"labels that are a list":            {"INSERT INTO providers (kind, uid, labels) VALUES ('aws', '999', '[]')", tenant.CodeInvalid},
		"a scan every minute":               {"UPDATE providers SET scan_every = '1 minute'", tenant.CodeInvalid},
		"a scan every thousand years":       {"UPDATE providers SET scan_every = '1000 years'", tenant.CodeInvalid},
		"a report for ever":                 {"INSERT INTO reports (scan_id, title, format, requested_by, expires_at) VALUES (gen_random_uuid(), 'x', 'csv', 'ann', 'infinity')", tenant.CodeInvalid},
		"a scan of no provider":             {"INSERT INTO scans (provider_id, trigger) VALUES (gen_random_uuid(), 'manual')", tenant.CodeConflict},
		"a scheduled scan without a time":   {"INSERT INTO scans (provider_id, trigger, state) SELECT id, 'scheduled', 'scheduled' FROM providers", tenant.CodeInvalid},
		"two scans of a provider at once":   {"INSERT INTO scans (provider_id, trigger, state, started_at) SELECT p.id, 'manual', 'executing', now() FROM providers p, generate_series(1, 2)", tenant.CodeConflict},
		"an invitation for a year":          {"INSERT INTO invitations (email, role_id, token_hash, valid_for) SELECT 'x@y', id, 'x', '1 year' FROM roles LIMIT 1", tenant.CodeInvalid},
		"a mute rule for everything":        {"INSERT INTO mute_rules (name, reason, created_by) VALUES ('x', 'x', 'x')", tenant.CodeInvalid},
		"an unknown state":                  {"INSERT INTO scans (provider_id, trigger, state) SELECT id, 'manual', 'paused' FROM providers", tenant.CodeInvalid},
	} {
		if _, err := q.Querier().Exec(t.Context(), c.sql); tenant.CodeOf(err) != c.code {
			t.Errorf("%s: code %s, want %s: %v", what, tenant.CodeOf(err), c.code, err)
		}
	}
}

func TestAnEndedScanStaysEnded(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	scan := must[tenantdb.Scan](t)(q.CreateScan(t.Context(), tenantdb.CreateScanParams{ProviderID: aws, RequestedBy: "ann", Services: []string{}, Severities: empty}))
	must[tenantdb.Scan](t)(q.StartScan(t.Context(), scan.ID))
	for _, progress := range []int16{60, 40} { // It never goes back.
		if s := must[tenantdb.Scan](t)(q.RecordScanProgress(t.Context(), tenantdb.RecordScanProgressParams{ScanID: scan.ID, Progress: progress})); s.Progress != 60 {
			t.Errorf("progress %d, want 60", s.Progress)
		}
	}
	done := must[tenantdb.Scan](t)(q.FinishScan(t.Context(), scan.ID))
	if !done.Duration.Valid || done.Progress != 100 || !done.UpdatedAt.After(scan.UpdatedAt) {
		t.Errorf("finished scan: %+v", done)
	}
	if _, err := q.CancelScan(t.Context(), scan.ID); tenant.CodeOf(err) != tenant.CodeInvalid {
		t.Errorf("cancel a completed scan: %v", err)
	}
	statistics := must[tenantdb.GetScanStatisticsRow](t)(q.GetScanStatistics(t.Context(), 7))
	if statistics.Completed != 1 || statistics.LastCompletedAt == nil || !statistics.AverageDuration.Valid {
		t.Errorf("statistics: %+v", statistics)
	}
}

func TestScansAreClaimedOnce(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	overdue := must[[]tenantdb.ListOverdueProvidersRow](t)(q.ListOverdueProviders(t.Context()))
	if len(overdue) != 1 || overdue[0].ID != aws || overdue[0].ScannedAt != nil {
		t.Errorf("overdue: %+v, want aws, never scanned", overdue)
	}
	later := time.Now().Add(time.Hour)
	ask := tenantdb.CreateScanParams{ProviderID: aws, RequestedBy: "ann", Services: []string{}, Severities: empty}
	first := must[tenantdb.Scan](t)(q.CreateScan(t.Context(), ask))
	must[tenantdb.Scan](t)(q.CreateScan(t.Context(), ask))
	ask.ScheduledAt = &later
	if s := must[tenantdb.Scan](t)(q.CreateScan(t.Context(), ask)); s.State != tenantdb.ScanStateScheduled {
		t.Errorf("a scan for later is %s", s.State)
	}
	if claimed := must[tenantdb.Scan](t)(q.ClaimScan(t.Context())); claimed.ID != first.ID || claimed.State != tenantdb.ScanStateExecuting {
		t.Errorf("claimed %+v, want the first scan", claimed)
	}
	if _, err := q.ClaimScan(t.Context()); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Errorf("a second claim while the provider is scanned: %v", err)
	}
	running := must[[]tenantdb.ListRunningScansRow](t)(q.ListRunningScans(t.Context()))
	if len(running) != 1 || running[0].Scan.ID != first.ID || running[0].Provider.Kind != tenantdb.ProviderKindAws {
		t.Errorf("running: %+v", running)
	}
	if statistics := must[tenantdb.GetScanStatisticsRow](t)(q.GetScanStatistics(t.Context(), 7)); statistics.Scans != 3 || statistics.AverageResources != nil {
		t.Errorf("statistics without a completed scan: %+v", statistics)
	}
}

func TestPermissionsComeFromRoles(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	var granted error
	batch := q.GrantRoles(t.Context(), []tenantdb.GrantRolesParams{
		{Email: "ann@ACME.example", RoleName: "admin"}, {Email: "ann@acme.example", RoleName: "reader"},
		{Email: "ann@acme.example", RoleName: "admin"}, {Email: "bob@acme.example", RoleName: "idle"},
	})
	batch.Exec(func(_ int, err error) {
		if err != nil {
			granted = err
		}
	})
	if granted != nil {
		t.Fatal(granted)
	}
	want := []tenantdb.Permission{tenantdb.PermissionManageUsers, tenantdb.PermissionManageScans, tenantdb.PermissionViewFindings}
	if diff := cmp.Diff(want, must[[]tenantdb.Permission](t)(q.ListUserPermissions(t.Context(), ann))); diff != "" {
		t.Errorf("permissions of ann (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		user uuid.UUID
		want bool
	}{{ann, true}, {bob, false}} {
		may := must[bool](t)(q.UserHasPermission(t.Context(), tenantdb.UserHasPermissionParams{UserID: c.user, Permission: tenantdb.PermissionManageScans}))
		if may != c.want {
			t.Errorf("user %s may manage scans: %v, want %v", c.user, may, c.want)
		}
	}
	users := must[[]tenantdb.Member](t)(q.ListUsers(t.Context(), tenantdb.ListUsersParams{PageLimit: 10}))
	if len(users) != 2 || !cmp.Equal(users[0].Roles, []string{"admin", "reader"}) {
		t.Errorf("users: %+v", users)
	}
}

func TestBuiltinRolesStay(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	for _, sql := range []string{
		"INSERT INTO roles (name, builtin) VALUES ('owner', true)",
		"UPDATE roles SET description = 'mine' WHERE name = 'owner'",
		"DELETE FROM roles WHERE name = 'owner'",
	} {
		_, err := q.Querier().Exec(t.Context(), sql)
		if want := !strings.HasPrefix(sql, "INSERT"); (tenant.CodeOf(err) == tenant.CodeConflict) != want {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestInvitationsAreAcceptedOnce(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	roles := must[[]tenantdb.ListRolesRow](t)(q.ListRoles(t.Context()))
	hash := sha256.Sum256([]byte("token"))
	id := must[uuid.UUID](t)(q.CreateInvitation(t.Context(), tenantdb.CreateInvitationParams{
		Email: "carol@acme.example", RoleID: roles[0].ID, TokenHash: hash[:], InvitedBy: "ann@acme.example",
	}))
	invitation := must[tenantdb.CurrentInvitation](t)(q.GetInvitation(t.Context(), id))
	if got := invitation.ExpiresAt.Sub(invitation.CreatedAt); got != 7*24*time.Hour || invitation.State != tenantdb.InvitationStatePending {
		t.Errorf("%s for %s, want pending for 7 days", invitation.State, got)
	}
	accept := tenantdb.AcceptInvitationParams{Token: "token", DisplayName: "Carol"}
	if _, err := q.AcceptInvitation(t.Context(), accept); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Errorf("accept what ann could not give: %v", err)
	}
	must[int64](t)(q.GrantRole(t.Context(), tenantdb.GrantRoleParams{UserID: ann, RoleID: roles[0].ID}))
	member := must[tenantdb.AcceptInvitationRow](t)(q.AcceptInvitation(t.Context(), accept))
	if granted := must[[]tenantdb.Permission](t)(q.ListUserPermissions(t.Context(), member.ID)); len(granted) != len(roles[0].Permissions) {
		t.Errorf("carol was granted %v, want %v", granted, roles[0].Permissions)
	}
	if _, err := q.AcceptInvitation(t.Context(), accept); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Errorf("accept again: %v", err)
	}
}

func TestAPIKeysAreFoundWhileTheyLive(t *testing.T) {
	t.Parallel()
	q, _ := open(t)
	hash := sha256.Sum256([]byte("secret"))
	key := must[tenantdb.CreateAPIKeyRow](t)(q.CreateAPIKey(t.Context(), tenantdb.CreateAPIKeyParams{
		UserID: ann, Name: "ci", Prefix: "bw_1", SecretHash: hash[:], Permissions: []tenantdb.Permission{tenantdb.PermissionManageScans},
	}))
	if found := must[tenantdb.FindAPIKeyRow](t)(q.FindAPIKey(t.Context(), "bw_1")); len(found.Permissions) != 0 {
		t.Errorf("the key may do what its user may not: %v", found.Permissions)
	}
	must[int64](t)(q.GrantRole(t.Context(), tenantdb.GrantRoleParams{UserID: ann, RoleID: 1}))
	found := must[tenantdb.FindAPIKeyRow](t)(q.FindAPIKey(t.Context(), "bw_1"))
	if found.Email != "Ann@acme.example" || !cmp.Equal(found.SecretHash, hash[:]) || !cmp.Equal(found.Permissions, key.Permissions) || found.LastUsedAt != nil {
		t.Errorf("found key: %+v", found)
	}
	if err := q.NoteAPIKeyUse(t.Context(), key.ID); err != nil {
		t.Error(err)
	}
	if found = must[tenantdb.FindAPIKeyRow](t)(q.FindAPIKey(t.Context(), "bw_1")); found.LastUsedAt == nil {
		t.Error("its use is not noted")
	}
	must[int64](t)(q.RevokeAPIKey(t.Context(), key.ID))
	if _, err := q.FindAPIKey(t.Context(), "bw_1"); tenant.CodeOf(err) != tenant.CodeNotFound {
		t.Errorf("find a revoked key: %v", err)
	}
}

func TestPlansAreSeeded(t *testing.T) {
	t.Parallel()
	_, public := open(t)
	var names []string
	for _, p := range must[[]publicdb.ListPlansRow](t)(public.ListPlans(t.Context())) {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"free", "team", "business"}, names); diff != "" {
		t.Errorf("listed plans (-want +got):\n%s", diff)
	}
	revenue := must[[]publicdb.GetRevenueByPlanRow](t)(public.GetRevenueByPlan(t.Context()))
	if len(revenue) != 4 || revenue[0].Since != nil || !revenue[0].Revenue.Valid {
		t.Errorf("revenue without subscriptions: %+v", revenue)
	}
}
