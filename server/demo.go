package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

// seedDemo fills a tenant's new schema with data that looks like a company's.
// The same slug gets the same data, apart from the times, which end today. tx
// has the tenant's schema as its search_path.
func seedDemo(ctx context.Context, tx pgx.Tx, t tenant.Tenant, keys *keyring.Keyring) error {
	checks, err := demoChecks(ctx, tx)
	if err != nil {
		return err
	}
	d := newDemo(t.Slug, time.Now(), checks)
	if err := d.secret(t.ID, keys); err != nil {
		return err
	}
	for _, table := range d.tables {
		if err := table.copyTo(ctx, tx); err != nil {
			return err
		}
	}
	for _, statement := range demoStatements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("derive the demo data: %w", err)
		}
	}
	if _, err = tx.Exec(ctx, demoSubscription, t.ID.String()); err != nil {
		return err
	}
	// Whoever knows this text can ask after the sign-up; a demo has nothing to hide.
	token := []byte(t.Slug + "-demo-signup-token-0123456789abcdefghij")
	_, err = tx.Exec(ctx, demoSignup, d.id("signup"), t.Slug, t.ID.String(), signup.Hash(keys, token))
	return err
}

// demoStatements derive what a service would have derived as scans finished.
// They are the statements of SummarizeScan and FinishScan, for every scan.
var demoStatements = []string{
	`INSERT INTO scan_summaries (scan_id, check_id, service, severity, region, pass_count, fail_count, manual_count, muted_count, new_count, risk_score)
	SELECT
		f.scan_id, f.check_id, f.service, f.severity, f.region,
		count(*) FILTER (WHERE f.status = 'pass' AND NOT f.muted),
		count(*) FILTER (WHERE f.failing),
		count(*) FILTER (WHERE f.status = 'manual' AND NOT f.muted),
		count(*) FILTER (WHERE f.muted),
		count(*) FILTER (WHERE f.delta = 'new' AND NOT f.muted),
		sum(f.risk_score) FILTER (WHERE f.failing)
	FROM findings f
	GROUP BY f.scan_id, f.check_id, f.service, f.severity, f.region`,
	`UPDATE scans s
	SET unique_resource_count = c.resources
	FROM (
		SELECT f.scan_id, count(DISTINCT fr.resource_id) AS resources
		FROM findings f
		JOIN finding_resources fr ON fr.finding_id = f.id
		GROUP BY f.scan_id
	) c
	WHERE c.scan_id = s.id`,
	`INSERT INTO user_roles (user_id, role_id)
	SELECT u.id, r.id FROM users u JOIN roles r ON r.name = split_part(u.email, '@', 1)
		OR (r.name = 'payments team' AND u.email LIKE 'auditor@%')`,
	`ANALYZE scans, resources, findings, finding_resources, scan_summaries`,
}

// demoSubscription bills the tenant for its plan.
const demoSubscription = `
INSERT INTO public.subscriptions (tenant_id, plan, state, seats, current_period_start, current_period_end)
SELECT t.id, t.plan, 'active', 12, date_trunc('month', now()), date_trunc('month', now()) + interval '1 month'
FROM public.tenants t
WHERE t.id = $1`

// demoSignup is how the tenant came about, as far as the API tells.
const demoSignup = `
INSERT INTO bailiwick.signups (id, slug, name, email, plan, token_hash, expires_at, tenant_id, confirmed_at)
SELECT $1::uuid, $2, t.name, 'owner@' || $2 || '.example', t.plan, $4, t.created_at, t.id, t.created_at
FROM public.tenants t
WHERE t.id = $3::uuid
ON CONFLICT DO NOTHING`

// demoCheck is a row of the catalogue of checks.
type demoCheck struct {
	ID, Provider, Service, Severity, Title, Categories string
}

func demoChecks(ctx context.Context, tx pgx.Tx) ([]demoCheck, error) {
	rows, err := tx.Query(ctx, `
SELECT id, provider, service, severity::text, title, categories::text
FROM public.checks
WHERE retired_on IS NULL
ORDER BY id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[demoCheck])
}

// demo gathers the rows of one tenant.
type demo struct {
	slug   string
	now    time.Time
	rng    *rand.Rand
	checks []demoCheck
	tables []*demoTable

	users, roles, providers, scans, resources, findings, links *demoTable
	invitations, secrets, apiKeys, muteRules, reports          *demoTable
}

func newDemo(slug string, now time.Time, checks []demoCheck) *demo {
	d := &demo{
		slug:   slug,
		now:    now.UTC().Truncate(time.Hour),
		rng:    rand.New(rand.NewChaCha8(sha256.Sum256([]byte(slug)))),
		checks: checks,
	}
	d.users = d.table("users", "id, email, display_name, time_zone, last_login_at, created_at")
	d.roles = d.table("roles", "name, description, permissions, builtin")
	d.providers = d.table("providers", "id, kind, uid, alias, connected, connection_checked_at, regions, labels, scan_every, scan_at, onboarded_on, created_at")
	d.scans = d.table("scans", "id, provider_id, name, trigger, state, progress, requested_by, error, scheduled_at, started_at, completed_at, created_at")
	d.resources = d.table("resources", "id, provider_id, uid, name, service, region, kind, tags, first_seen_at, last_seen_at")
	d.findings = d.table("findings", "id, scan_id, uid, check_id, service, region, severity, status, status_detail, delta, risk_score, categories, evidence, first_seen_at, muted, muted_reason, muted_by, muted_at, created_at")
	d.links = d.table("finding_resources", "finding_id, resource_id")
	d.invitations = d.table("invitations", "id, email, role_id, token_hash, invited_by")
	d.secrets = d.table("provider_secrets", "provider_id, kind, name, sealed, key_id, rotated_at, created_at")
	d.apiKeys = d.table("api_keys", "user_id, name, prefix, secret_hash, permissions, last_used_at, created_at")
	d.muteRules = d.table("mute_rules", "id, name, reason, check_id, region, created_by, created_at")
	d.reports = d.table("reports", "scan_id, title, format, severities, requested_by, expires_at, created_at")
	d.people()
	for i, p := range demoProfile(slug) {
		d.provider(i, p)
	}
	return d
}

// people are named after the tenant, so that a reader sees whose data it is. The
// built-in roles are there already, by schema/tenant_seed.sql.
func (d *demo) people() {
	d.roles.add("payments team", "", "{view_findings,manage_findings}", "false")
	names := map[string][]string{
		acme:   {"Wile Ellis", "Ada Runner", "Noor Jansen"},
		globex: {"Hana Scorpio", "Luis Ortega", "Mei Tanaka"},
	}[d.slug]
	if names == nil {
		names = []string{"Sam Owner", "Ana Lyst", "Audrey Torr"}
	}
	for i, role := range []string{"owner", "analyst", "auditor"} {
		joined := d.now.AddDate(0, -8, 7*i)
		d.users.add(d.id("user", role), role+"@"+d.slug+".example", names[i], "Europe/Madrid", stamp(d.now.Add(-time.Duration(i+1)*time.Hour)), stamp(joined))
	}
}

// desk is what the people have set up. Roles are numbered as they were added.
func (d *demo) desk(scan string) {
	owner, analyst := d.id("user", "owner"), d.id("user", "analyst")
	// Whoever knows this text can join; a demo has nothing to hide.
	token := sha256.Sum256([]byte(d.slug + "-demo-invitation-token-0123456789abcdef"))
	d.invitations.add(d.id("invitation", "new"), "new@"+d.slug+".example", "2", bytea(token[:]), owner)
	unknown := sha256.Sum256([]byte(d.slug)) // No secret has this hash.
	d.apiKeys.add(analyst, "ticket system", "bw_"+d.slug+"0001", bytea(unknown[:]), "{view_findings}", stamp(d.now.Add(-time.Hour)), stamp(d.now.AddDate(0, -3, 0)))
	d.muteRules.add(d.id("mute_rule", "versions"), "Versions in Ireland", "Objects are copied to another account.",
		"s3_bucket_versioning_enabled", "eu-west-*", "analyst@"+d.slug+".example", stamp(d.now.AddDate(0, -2, 0)))
	d.reports.add(scan, "Findings for the board", "csv", "{high,critical}", "analyst@"+d.slug+".example", stamp(d.now.AddDate(0, 2, 0)), stamp(d.now.Add(-2*time.Hour)))
}

// secret gives the first provider its credentials, sealed as the service does.
func (d *demo) secret(of tenant.ID, keys *keyring.Keyring) error {
	provider, err := uuid.Parse(d.providers.rows[0][0])
	if err != nil {
		return fmt.Errorf("demo data of provider_secrets: %w", err)
	}
	keyID, sealed := keys.Seal([]byte(`{"role_arn": "arn:aws:iam::123456789012:role/scanner"}`), secretContext(of, provider)...)
	at := stamp(d.now.AddDate(0, -1, 0))
	d.secrets.add(provider.String(), string(tenantdb.SecretKindRole), "scanner role", bytea(sealed), keyID, at, at)
	return nil
}

func bytea(data []byte) string { return `\x` + hex.EncodeToString(data) }

// id is a name's UUID: other tenants have others.
func (d *demo) id(kind string, names ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("bailiwick:"+d.slug+":"+kind+":"+strings.Join(names, ":"))).String()
}

func (d *demo) table(name, columns string) *demoTable {
	t := &demoTable{name: name, columns: columns}
	d.tables = append(d.tables, t)
	return t
}

// demoTable gathers the rows of a table as CSV. An empty value is null.
type demoTable struct {
	name, columns string
	rows          [][]string
}

func (t *demoTable) add(values ...string) { t.rows = append(t.rows, values) }

// copyTo stores the rows with one COPY.
func (t *demoTable) copyTo(ctx context.Context, tx pgx.Tx) error {
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(t.rows); err != nil {
		return fmt.Errorf("demo data of %s: %w", t.name, err)
	}
	//bailiwick:allow go-database the transaction is that which makes the tenant
	_, err := tx.Conn().PgConn().CopyFrom(ctx, &text, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT csv)", t.name, t.columns))
	if err != nil {
		return fmt.Errorf("copy the demo data into %s: %w", t.name, err)
	}
	return nil
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}
