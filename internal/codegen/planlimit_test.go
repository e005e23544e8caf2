package codegen_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	desksapi "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/plan-limit/gen/api"
	desks "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/plan-limit/gen/handlers"
	desksdb "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/plan-limit/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// furnisher makes many desks at once, unless it forgets to ask.
type furnisher struct{ forgets bool }

func (f *furnisher) FurnishRoom(ctx context.Context, q *desksdb.Queries, req desksapi.FurnishRoomRequestObject) (desksapi.FurnishRoomResponseObject, error) {
	if f.forgets {
		return desksapi.FurnishRoom204Response{}, nil
	}
	return rest.Limited(ctx, q, func(ctx context.Context, q *desksdb.Queries) (desksapi.FurnishRoomResponseObject, error) {
		for range req.Params.Desks {
			if _, err := q.AddDesk(ctx, "one of many"); err != nil {
				return nil, err
			}
		}
		return desksapi.FurnishRoom204Response{}, nil
	})
}

// office is a service of one tenant, whose plan may have a limit.
type office struct {
	url   string
	limit *rest.Limit
}

func serveOffice(t *testing.T, custom *furnisher) *office {
	t.Helper()
	tables, err := os.ReadFile(goldenDir + "/plan-limit/schema/tenant.sql")
	check(t, err)
	db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: string(tables)}, Tenants: 1})
	o := &office{limit: &rest.Limit{Plan: "small", Name: "max_desks", Max: 3, Count: func(ctx context.Context, q *tenant.Querier) (int64, error) {
		return desksdb.New(q).CountDesks(ctx)
	}}}
	options := rest.Options{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			return tenant.NewContext(r.Context(), db.Tenants[0]), nil
		},
	}
	if _, err := desks.New(desks.Config{DB: db.DB, Custom: custom, Options: options}); err == nil || !strings.Contains(err.Error(), "nobody counts what x-plan-limit max_desks limits") {
		t.Errorf("without anybody who counts: %v", err)
	}
	options.PlanLimits = map[string]func(context.Context) (*rest.Limit, error){
		"max_desks": func(context.Context) (*rest.Limit, error) { return o.limit, nil },
	}
	handler, err := desks.New(desks.Config{DB: db.DB, Custom: custom, Options: options})
	check(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// do gives the status and, of what is refused, the detail.
func (o *office) do(t *testing.T, method, path, body, ifMatch string) (answer string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, o.url+path, strings.NewReader(body))
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	if ifMatch != "" {
		r.Header.Set("If-Match", ifMatch)
	}
	res, err := http.DefaultClient.Do(r)
	check(t, err)
	text, err := io.ReadAll(res.Body)
	check(t, err)
	check(t, res.Body.Close())
	answer = fmt.Sprint(res.StatusCode)
	if _, detail, found := strings.Cut(string(text), `"detail":"`); found {
		answer += " " + strings.TrimSuffix(strings.TrimSpace(detail), `"}`)
	}
	return answer, res.Header
}

func TestPlanLimit(t *testing.T) {
	t.Parallel()
	o := serveOffice(t, &furnisher{})
	const full = `403 the plan \"small\" allows 3 (max_desks), and `
	step := func(method, path, body, ifMatch, want string) http.Header {
		t.Helper()
		got, header := o.do(t, method, path, body, ifMatch)
		if got != want {
			t.Errorf("%s %s %s: %s, want %s", method, path, body, got, want)
		}
		return header
	}
	step("POST", "/rooms?desks=2", "", "", "204")
	step("POST", "/rooms?desks=2", "", "", full+"2 are in use")
	if tag := step("POST", "/desks", `{"name":"third"}`, "", "201").Get("ETag"); tag == "" {
		t.Error("what is made under a limit has lost its ETag")
	}
	step("POST", "/desks", `{"name":"fourth"}`, "", full+"3 are in use")
	first := "/desks/1"
	tag := step("GET", first, "", "", "200").Get("ETag")
	step("PUT", first, `{"used":false}`, `"another"`, "412 it has changed since; get it again and decide anew")
	step("PUT", first, `{"used":false}`, tag, "200")
	step("POST", "/desks", `{"name":"fourth"}`, "", "201")
	step("PUT", first, `{"used":true}`, step("GET", first, "", "", "200").Get("ETag"), full+"3 are in use")
	// Who has too much already keeps it, and gets no more.
	o.limit.Max = 1
	step("PUT", "/desks/2", `{"used":true}`, "", "200")
	step("PUT", "/desks/2", `{"used":false}`, "", "200")
	step("PUT", "/desks/2", `{"used":true}`, "", `403 the plan \"small\" allows 1 (max_desks), and 2 are in use`)
	o.limit = nil
	step("POST", "/rooms?desks=9", "", "", "204")
}

// A handler that forgets to ask holds nobody to the limit, and says so when it is
// first tried, whatever the plan.
func TestPlanLimitForgotten(t *testing.T) {
	t.Parallel()
	o := serveOffice(t, &furnisher{forgets: true})
	o.limit = nil
	if got, _ := o.do(t, "POST", "/rooms?desks=1", "", ""); got != "500" {
		t.Errorf("got %s", got)
	}
}
