// Package goclient_test drives the reference service by its generated Go client.
package goclient_test

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	httpclient "github.com/bailiwick-dev/bailiwick/client"
	"github.com/bailiwick-dev/bailiwick/gen/client"
	"github.com/bailiwick-dev/bailiwick/test/live"
)

func newClient(t *testing.T, tenant live.Tenant, transport http.RoundTripper) *client.ClientWithResponses {
	t.Helper()
	c, err := client.NewAPI(tenant.URL, tenant.Token, &httpclient.Options{
		HTTP: &http.Client{Transport: transport}, MinBackoff: 1, MaxBackoff: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClient(t *testing.T) {
	t.Parallel()
	service := live.Start(t)
	transport := live.Client().Transport
	acme, globex := service.Tenants["acme"], service.Tenants["globex"]
	t.Run("pages", func(t *testing.T) {
		t.Parallel()
		seen := map[uuid.UUID]string{}
		for slug, tenant := range service.Tenants {
			c := newClient(t, tenant, transport)
			few := walk(t, c, 7)
			if many := walk(t, c, 200); len(few) != len(many) || len(few) < 20 {
				t.Errorf("%s: %d findings in small pages, %d in large ones", slug, len(few), len(many))
			}
			for id := range few {
				if other, ok := seen[id]; ok {
					t.Errorf("%s and %s both have the finding %s", slug, other, id)
				}
				seen[id] = slug
			}
		}
	})
	t.Run("problems", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, acme, transport)
		_, err := c.GetProviderWithResponse(t.Context(), uuid.New(), nil)
		problem(t, err, http.StatusNotFound, "not-found")
		_, err = newClient(t, live.Tenant{URL: globex.URL, Token: acme.Token}, transport).ListScansWithResponse(t.Context(), nil)
		problem(t, err, http.StatusForbidden, "forbidden")
		nobody := newClient(t, live.Tenant{URL: acme.URL}, transport)
		_, err = nobody.ListScansWithResponse(t.Context(), nil)
		problem(t, err, http.StatusUnauthorized, "unauthorized")
		if plans, err := nobody.ListPlansWithResponse(t.Context()); err != nil || len(plans.JSON200.Items) == 0 {
			t.Errorf("what needs no token: %v", err)
		}
		wrong := "no cursor of this service"
		for _, err := range c.AllScans(t.Context(), &client.ListScansParams{Cursor: &wrong}) {
			problem(t, err, http.StatusBadRequest, "bad-request")
		}
	})
	t.Run("retries", func(t *testing.T) { // An answer is lost, and what was asked for is done once.
		t.Parallel()
		lossy := &lossy{next: transport}
		c := newClient(t, globex, lossy)
		body := client.NewProvider{Kind: "aws", Uid: "999988887777"}
		created, err := c.CreateProviderWithResponse(t.Context(), nil, body, httpclient.IdempotencyKey())
		if err != nil {
			t.Fatal(err)
		}
		if created.JSON201 == nil || lossy.sent != 2 || created.HTTPResponse.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("sent %d times: %s %v", lossy.sent, created.Body, created.HTTPResponse.Header)
		}
		same := 0
		for provider, err := range c.AllProviders(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if provider.Uid == body.Uid {
				same++
			}
		}
		if same != 1 {
			t.Errorf("%d providers were made", same)
		}
		lossy.sent = 0
		if _, err := c.CreateProviderWithResponse(t.Context(), nil, client.NewProvider{Kind: "aws", Uid: "999988886666"}); err == nil || lossy.sent != 1 {
			t.Errorf("without a key it is sent %d times: %v", lossy.sent, err)
		}
	})
}

// walk lists all findings in pages of a size.
func walk(t *testing.T, c *client.ClientWithResponses, size int32) map[uuid.UUID]bool {
	t.Helper()
	found := map[uuid.UUID]bool{}
	for finding, err := range c.AllFindings(t.Context(), &client.ListFindingsParams{Limit: &size}) {
		if err != nil {
			t.Fatal(err)
		}
		if found[finding.Id] {
			t.Errorf("the finding %s comes twice", finding.Id)
		}
		found[finding.Id] = true
	}
	return found
}

func problem(t *testing.T, err error, status int, kind string) {
	t.Helper()
	p, ok := errors.AsType[*httpclient.Problem](err)
	if !ok || p.Status != status || p.Kind() != kind || p.RequestID() == "" {
		t.Errorf("%v instead of %d %s", err, status, kind)
	}
}

// lossy loses the answer to the first of the requests that count.
type lossy struct {
	next http.RoundTripper

	mu   sync.Mutex
	sent int
}

var errLost = errors.New("connection reset by peer")

// RoundTrip implements http.RoundTripper.
func (l *lossy) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(req)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent++; err == nil && l.sent == 1 {
		return nil, errors.Join(errLost, res.Body.Close())
	}
	return res, err
}

// TestImports makes sure that a consumer of the API links no database.
func TestImports(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../gen/client", "../../client").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		for _, part := range []string{"pgx", "bailiwick/tenant", "kin-openapi", "bailiwick/internal", "database/sql$"} {
			if strings.Contains(path+"$", part) {
				t.Errorf("the client imports %s", path)
			}
		}
	}
}
