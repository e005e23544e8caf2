package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
)

// demoProvider is a provider of the demo data: how many resources it has of
// each service, and how often it was scanned.
type demoProvider struct {
	kind       tenantdb.ProviderKind
	uid, alias string
	regions    []string
	scans      int
	resources  map[string]int
}

// demoProfile says what a tenant watches. Any tenant but the two of the tour
// gets one small account.
//
//nolint:goconst // A table of data: its names are said where they are used.
func demoProfile(slug string) []demoProvider {
	europe := []string{"eu-west-1", "eu-central-1", "us-east-1"}
	cluster := []string{"default", "kube-system", "payments"}
	global := []string{"global"}
	switch slug {
	case acme:
		return []demoProvider{
			{tenantdb.ProviderKindAws, "123456789012", "production", europe, 4, map[string]int{"iam": 30, "s3": 52, "ec2": 62, "rds": 14, "cloudtrail": 3, "kms": 12, "guardduty": 3, "lambda": 30, "eks": 2, "secretsmanager": 15}},
			{tenantdb.ProviderKindAws, "210987654321", "staging", europe[:1], 3, map[string]int{"iam": 14, "s3": 22, "ec2": 35, "rds": 6, "cloudtrail": 1, "kms": 5, "guardduty": 1, "lambda": 14, "eks": 1, "secretsmanager": 6}},
			{tenantdb.ProviderKindAzure, "7f0e3a52-55aa-4c1e-9a53-2f4f3a1d9c10", "corporate", []string{"westeurope", "northeurope"}, 3, map[string]int{"storage": 25, "network": 20, "keyvault": 8, "sqlserver": 6, "entra": 1}},
			{tenantdb.ProviderKindGcp, "acme-analytics-4711", "analytics", []string{"europe-west1", "europe-west4"}, 3, map[string]int{"compute": 40, "cloudstorage": 30, "cloudsql": 8, "iam": 20}},
			{tenantdb.ProviderKindKubernetes, "acme-prod-eks", "platform cluster", cluster, 3, map[string]int{"core": 90, "apiserver": 1, "rbac": 25}},
			{tenantdb.ProviderKindGithub, "acme-inc", "source code", global, 3, map[string]int{"repository": 35}},
		}
	case globex:
		return []demoProvider{
			{tenantdb.ProviderKindAws, "998877665544", "globex main", europe[:2], 4, map[string]int{"iam": 24, "s3": 42, "ec2": 34, "rds": 8, "cloudtrail": 2, "kms": 6, "guardduty": 2, "lambda": 15}},
			{tenantdb.ProviderKindM365, "globex.onmicrosoft.com", "office", global, 3, map[string]int{"admincenter": 1, "exchange": 60}},
			{tenantdb.ProviderKindKubernetes, "globex-gke", "research cluster", cluster, 3, map[string]int{"core": 25, "apiserver": 1, "rbac": 8}},
		}
	default:
		return []demoProvider{
			{tenantdb.ProviderKindAws, "100000000001", "main", europe[:1], 2, map[string]int{"iam": 5, "s3": 8, "ec2": 8, "rds": 2}},
		}
	}
}

// demoKinds are the kinds of resource of each service.
var demoKinds = map[string]string{
	"iam": "user", "s3": "bucket", "ec2": "instance", "rds": "db-instance", "cloudtrail": "trail", "kms": "key",
	"guardduty": "detector", "lambda": "function", "eks": "cluster", "secretsmanager": "secret",
	"storage": "storage-account", "network": "network-security-group", "keyvault": "vault", "sqlserver": "server", "entra": "tenant",
	"compute": "instance", "cloudstorage": "bucket", "cloudsql": "db-instance",
	"core": "pod", "apiserver": "api-server", "rbac": "role-binding",
	"admincenter": "organisation", "exchange": "mailbox", "repository": "repository",
}

var (
	demoWords = []string{"billing", "checkout", "catalog", "search", "identity", "ledger", "reports", "media", "orders", "payments", "events", "archive"}
	demoParts = []string{"api", "web", "worker", "batch", "cache", "logs", "backup", "edge"}
	demoTeams = []string{"platform", "payments", "data", "web"}
)

// demoResource is a resource and what holds of it from scan to scan.
type demoResource struct {
	id, uid, name, service, region, kind, env string
	exposure                                  float64
	since                                     int  // the scan that saw it first
	root                                      bool // the root user of an AWS account
}

// provider adds a provider with its scans and everything in them.
func (d *demo) provider(index int, p demoProvider) {
	id := d.id("provider", string(p.kind), p.uid)
	onboarded := d.now.AddDate(0, -7, 3*index)
	schedule, at := "7 days", "03:30:00"
	d.providers.add(id, string(p.kind), p.uid, p.alias, "true", stamp(d.now.Add(-2*time.Hour)),
		"{"+strings.Join(p.regions, ",")+"}", fmt.Sprintf(`{"team": %q}`, demoTeams[index%len(demoTeams)]), schedule, at,
		onboarded.Format(time.DateOnly), stamp(onboarded))
	resources := d.world(p)
	last := d.now.Add(-time.Duration(3+index) * time.Hour)
	outcomes := map[string]*demoOutcome{}
	times := make([]time.Time, 0, p.scans)
	for n := range p.scans {
		completed := last.AddDate(0, 0, -7*(p.scans-1-n))
		times = append(times, completed)
		d.scan(id, p, n, completed, resources, outcomes, times)
	}
	for _, r := range resources {
		d.resources.add(r.id, id, r.uid, r.name, r.service, r.region, r.kind,
			fmt.Sprintf(`{"env": %q, "team": %q}`, r.env, demoTeams[len(r.name)%len(demoTeams)]), stamp(times[r.since]), stamp(last))
	}
	switch index {
	case 0:
		d.oddScans(id)
		d.desk(d.id("scan", id, strconv.Itoa(p.scans-1)))
	case 1:
		d.runningScan(id)
	}
}

// world makes the resources of a provider. One in fifteen came after the
// first scan.
func (d *demo) world(p demoProvider) []demoResource {
	var out []demoResource
	for _, service := range slices.Sorted(maps.Keys(p.resources)) {
		kind := demoKinds[service]
		for i := range p.resources[service] {
			if p.kind == tenantdb.ProviderKindGcp && service == "iam" {
				kind = "service-account"
			}
			r := demoResource{
				service: service, kind: kind, root: i == 0 && p.kind == tenantdb.ProviderKindAws && service == "iam",
				region:   p.regions[i%len(p.regions)],
				name:     fmt.Sprintf("%s-%s-%02d", demoWords[d.rng.IntN(len(demoWords))], demoParts[d.rng.IntN(len(demoParts))], i+1),
				env:      []string{"prod", "prod", "staging", "dev"}[d.rng.IntN(4)],
				exposure: 0.6 + 0.8*d.rng.Float64(),
			}
			if d.rng.IntN(15) == 0 {
				r.since = d.rng.IntN(p.scans)
			}
			if r.root {
				r.name = "root"
			}
			r.uid = demoUID(p, r)
			r.id = d.id("resource", p.uid, r.uid)
			out = append(out, r)
		}
	}
	return out
}

// demoUID spells a resource's identifier as its provider does.
func demoUID(p demoProvider, r demoResource) string {
	switch p.kind {
	case tenantdb.ProviderKindAws:
		if r.service == "s3" {
			return "arn:aws:s3:::" + r.name + "-" + p.uid[:4]
		}
		return "arn:aws:" + r.service + ":" + r.region + ":" + p.uid + ":" + r.kind + "/" + r.name
	case tenantdb.ProviderKindAzure:
		return "/subscriptions/" + p.uid + "/resourceGroups/" + r.env + "/providers/" + r.service + "/" + r.name
	case tenantdb.ProviderKindGcp:
		return "//" + r.service + ".googleapis.com/projects/" + p.uid + "/" + r.kind + "s/" + r.name
	case tenantdb.ProviderKindKubernetes, tenantdb.ProviderKindM365, tenantdb.ProviderKindGithub:
	}
	return p.uid + "/" + r.region + "/" + r.kind + "/" + r.name
}

// oddScans are those that did not simply complete.
func (d *demo) oddScans(provider string) {
	at := func(days int) time.Time { return d.now.AddDate(0, 0, days) }
	d.scans.add(d.id("scan", provider, "failed"), provider, "", "scheduled", "failed", "37", "", "The role could not be assumed.",
		stamp(at(-10)), stamp(at(-10)), stamp(at(-10).Add(95*time.Second)), stamp(at(-11)))
	d.scans.add(d.id("scan", provider, "cancelled"), provider, "trial run", "manual", "cancelled", "12", "analyst@"+d.slug+".example", "",
		"", stamp(at(-17)), stamp(at(-17).Add(41*time.Second)), stamp(at(-17)))
	d.scans.add(d.id("scan", provider, "scheduled"), provider, "", "scheduled", "scheduled", "0", "", "",
		stamp(at(4)), "", "", stamp(d.now))
}

// runningScan is one that a scanner is at.
func (d *demo) runningScan(provider string) {
	d.scans.add(d.id("scan", provider, "executing"), provider, "after the migration", "manual", "executing", "40", "analyst@"+d.slug+".example", "",
		"", stamp(d.now.Add(-20*time.Minute)), "", stamp(d.now.Add(-25*time.Minute)))
}

// scan adds a completed scan and its findings.
func (d *demo) scan(provider string, p demoProvider, n int, completed time.Time, resources []demoResource, outcomes map[string]*demoOutcome, times []time.Time) {
	id := d.id("scan", provider, strconv.Itoa(n))
	started := completed.Add(-time.Duration(150+d.rng.IntN(400)) * time.Second)
	trigger, name, by := string(tenantdb.ScanTriggerScheduled), "", ""
	if n == 0 {
		trigger, name, by = string(tenantdb.ScanTriggerManual), "first scan", "owner@"+d.slug+".example"
	}
	d.scans.add(id, provider, name, trigger, "completed", "100", by, "", "", stamp(started), stamp(completed), stamp(started))
	for _, r := range resources {
		if r.since > n {
			continue
		}
		for _, c := range d.checks {
			if c.Provider == string(p.kind) && c.Service == r.service && strings.Contains(c.ID, "_root_") == r.root {
				d.finding(id, p, n, c, r, outcomes, times)
			}
		}
	}
}
