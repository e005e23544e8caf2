package routing_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// asServer makes the test's binary a server.
const asServer = "BAILIWICK_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		service.Main(config())
		return
	}
	os.Exit(m.Run())
}

const document = `
openapi: 3.0.3
info: {title: Routing, version: "1"}
security: [{bearer: []}]
paths:
  /whoami: {get: {operationId: whoami, responses: {"200": {description: ok}}}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`

// config is a service that answers with the tenant's slug.
func config() service.Config {
	return service.Config{
		Name: "routing", OpenAPI: []byte(document),
		Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: "CREATE TABLE notes (text text);"},
		Handler: func(b service.Backend) (http.Handler, error) {
			doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
			if err != nil {
				return nil, err
			}
			return rest.Wrap(doc, b.Options, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				t, _ := tenant.FromContext(r.Context())
				_, _ = fmt.Fprint(w, t.Slug)
			}))
		},
	}
}

const patience = time.Minute

// server is a process of its own.
type server struct {
	address string
	log     *servicetest.Output
	http    *http.Client
}

var listening = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

func start(t *testing.T, settings []string) *server {
	t.Helper()
	s := &server{log: &servicetest.Output{}}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=yes", "ADDR=127.0.0.1:0", "LOG_FORMAT=json")
	cmd.Env = append(cmd.Env, settings...)
	cmd.Stderr = s.log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a server ended with: %v\n%s", err, s.log)
		}
	})
	await(t, "a server listens", func() bool { return listening.MatchString(s.log.String()) })
	s.address = listening.FindStringSubmatch(s.log.String())[1]
	s.http = &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.address)
		},
	}}
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// says tells how often a line of the log has a text.
func (s *server) says(text string) int { return strings.Count(s.log.String(), text) }

// ask gives the status of one request, and when it was sent.
func (s *server) ask(t *testing.T, host, token string) (status int, sent time.Time) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/whoami", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	sent = time.Now()
	res, err := s.http.Do(r)
	if err != nil {
		t.Error(err)
		return 0, sent
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return res.StatusCode, sent
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not so that %s", what)
		}
	}
}
