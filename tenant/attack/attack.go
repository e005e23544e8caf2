// Package attack tries to get from one tenant of a running service into another,
// over HTTP and at the database, and tells what came back. Its list is that of
// docs/attacks.md; a number stands for the same attack everywhere.
//
//	report, err := attack.Run(ctx, attack.Target{
//		URL: "http://127.0.0.1:8080",
//		A:   attack.Party{Host: "acme.localhost", Token: a},
//		B:   attack.Party{Host: "globex.localhost", Token: b},
//	})
//
// It attacks for real: where the service is not safe, things of B are changed or
// deleted. Give it a service whose data nobody needs.
//
// The package imports the standard library, kin-openapi, pgx, go-jose, and the
// packages tenant, tenant/catalog, tenant/identity, for the form of API keys, and
// tenant/operator, for its document.
package attack

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

// Attacks is how many there are: their numbers are 1 to Attacks.
const Attacks = 43

// DefaultTimeout bounds one request where the target says nothing.
const DefaultTimeout = 30 * time.Second

// Target is what is attacked. What is not given is not tried, and the report says so.
type Target struct {
	// URL is where the service listens, such as http://127.0.0.1:8080. The
	// tenants are named by Host headers. Required.
	URL string
	// Document is the API's OpenAPI document; empty means that the service has
	// it at /openapi.yaml.
	Document []byte
	// A is the tenant whose token is misused and B the one that is to be reached.
	A, B Party
	// Spare is a tenant that may be suspended and offboarded for good.
	Spare Party
	// TenantClaim is the claim that holds the tenant's id; empty means "tenant".
	TenantClaim string
	// Sign makes a token with these claims that is signed as the service's
	// issuer would.
	Sign func(claims map[string]any) (string, error) `json:"-"`
	// KeysURL is where the issuer's public keys are; empty means where the
	// discovery of the tokens' issuer leads.
	KeysURL string
	// OperatorURL is where the operator's endpoints listen, which are those of
	// package tenant/operator, and OperatorKey is good there.
	OperatorURL, OperatorKey string
	// RuntimeURL is the connection string of the runtime role.
	RuntimeURL string
	// OwnerURL is the connection string of the owner role.
	OwnerURL string
	// Log reads what the service has logged so far.
	Log func() ([]byte, error) `json:"-"`
	// Sever ends the service's connections to its database and returns how many;
	// nil means that the owner role tries, which may lack the right.
	Sever func(context.Context) (int, error) `json:"-"`
	// Reaction is how soon servers must know of a change, such as that a tenant is
	// suspended; zero means a second.
	Reaction time.Duration
	// Timeout bounds each request; zero means DefaultTimeout.
	Timeout time.Duration
	// Only are the numbers of the attacks to run; empty means all.
	Only []int
}

// Party is one tenant of the target.
type Party struct {
	// Host is the tenant's host name, with a port if it has one. Required of A and B.
	Host string
	// Token is a bearer token of a member who may do everything. Required of A and B.
	Token string
	// Limited is a token of a member without any permission.
	Limited string
	// Removed is a valid token of somebody who is no member, or not any more.
	Removed string
	// Key is an API key that is good, and RevokedKey one that is not any more.
	Key, RevokedKey string
}

// family is attacks that need the same things and leave the same rows.
type family struct {
	// numbers are the attacks' numbers; the rows say which one each is.
	numbers []int
	run     func(*campaign, context.Context) error
}

// families is the registry, in the order of the attacks.
var families = []family{
	{[]int{1}, (*campaign).spoofedHosts},
	{[]int{2}, (*campaign).hostForms},
	{[]int{3}, (*campaign).namedByClient},
	{[]int{4, 5}, (*campaign).tokens},
	{[]int{4, 5, 6}, (*campaign).members},
	{[]int{7}, (*campaign).domains},
	{[]int{8, 9, 10, 11}, (*campaign).slugs},
	{[]int{12, 13, 14, 15, 16, 17, 38}, (*campaign).bound},
	{[]int{19, 21}, (*campaign).schemas},
	{[]int{15, 20, 22, 23, 24, 27}, (*campaign).statements},
	{[]int{25}, (*campaign).strangers},
	{[]int{25}, (*campaign).work},
	{[]int{25}, (*campaign).signUp},
	{[]int{13, 17}, (*campaign).crowd},
	{[]int{38}, (*campaign).hogs},
	{[]int{4, 5, 6}, (*campaign).operations},
	{[]int{26}, (*campaign).foreignIDs},
	{[]int{28}, (*campaign).foreignKeys},
	{[]int{42}, (*campaign).operator},
	{[]int{8, 9, 10, 11, 31, 33, 34}, (*campaign).births},
	{[]int{12, 18, 35}, (*campaign).misplaced},
	{[]int{32}, (*campaign).lifecycle},
	{[]int{41}, (*campaign).leaks},
}

// Run attacks the target. What it finds is in the report, and be it that A or B is
// not served any more, after which nothing else is tried; the error is about a
// target that can't be attacked: no answer, credentials that are not what the
// target says they are, numbers that no attack has. It names the field that is to
// be mended, such as Target.B.Token. A run whose context ends has no report either:
// what it would have found is its own requests' end.
func Run(ctx context.Context, target Target) (*Report, error) {
	c, err := newCampaign(ctx, target)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(c.tryAll(ctx), ctx.Err()); err != nil {
		return nil, err
	}
	c.untried()
	slices.SortStableFunc(c.report.Results, func(a, b Result) int { return cmp.Compare(a.Attack, b.Attack) })
	return c.report, nil
}

// campaign is one run.
type campaign struct {
	Target

	client *http.Client
	doc    *document
	report *Report
	// witness is an operation without parameters that A and B answer differently.
	witness *operation
	// own and theirs are A's and B's answers to it.
	own, theirs answer
	// noDomains: a custom domain that B has proven leads nowhere.
	noDomains bool
	// seen are all answers of the service, for what must not be in them.
	seen []exchange
}

// as sends an operation as a tenant's member would.
func (c *campaign) as(ctx context.Context, p Party, op *operation) answer {
	return c.send(ctx, request{method: op.method, path: op.target(nil), host: p.Host, token: p.Token})
}

func (c *campaign) wants(numbers ...int) bool {
	return len(c.Only) == 0 || slices.ContainsFunc(numbers, func(n int) bool { return slices.Contains(c.Only, n) })
}

// catalog opens the registry by the owner's role.
func (c *campaign) catalog(ctx context.Context) (*catalog.Catalog, error) {
	return catalog.Open(ctx, catalog.Config{
		URL: c.OwnerURL, RuntimeRole: c.runtimeRole(), Domains: catalog.DomainConfig{Prover: credulous{}},
	})
}

// credulous takes every domain for proven: whose it is does not matter here.
type credulous struct{}

func (credulous) Prove(context.Context, string, string) error { return nil }

// soon asks until the answer has a status, for as long as servers may take to know.
func (c *campaign) soon(ctx context.Context, ask func() answer, statuses ...int) (got answer) {
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if got = ask(); got.is(statuses...) || time.Since(begun) > c.Reaction || ctx.Err() != nil {
			return got
		}
	}
}
