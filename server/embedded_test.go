package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

var (
	printedTry = regexp.MustCompile(`try +curl -s --noproxy '\*' --resolve ([^ ]+):(\d+):([^ ]+) -H '([^:]+): ([^']+)' '([^']+)'`)
	printedDir = regexp.MustCompile(`data in (\S+)`)
)

// follow does what a printed curl line does.
func follow(t *testing.T, line try) (int, object) {
	t.Helper()
	host, port, address, header, value, url := line[1], line[2], line[3], line[4], line[5], line[6]
	if !strings.HasPrefix(url, "http://"+host+":"+port+"/") {
		t.Fatalf("the line resolves %s:%s and asks for %s", host, port, url)
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, port))
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(header, value)
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	var answer object
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return res.StatusCode, answer
}

// stopped tells whether no PostgreSQL runs in the folder that was printed.
func stopped(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files) == 0
}

// The service with nothing set, started twice and then with --reset, in a cache
// of its own: it must not touch what a developer has. Not parallel, for it sets
// an environment variable.
func TestNothingSet(t *testing.T) {
	cache, err := os.MkdirTemp("", "bw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(cache); err != nil {
			t.Error(err)
		}
	})
	// PostgreSQL may run as another user.
	if err := os.Chmod(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BAILIWICK_CACHE_DIR", cache)
	first := startDemo(t)
	status, page := follow(t, first.tries[0])
	if found := items(t, page); status != http.StatusOK || len(found) != 3 {
		t.Fatalf("%d %v", status, page)
	}
	kept := text(t, items(t, page)[0], "id")
	_, page = follow(t, first.tries[1])
	if other := text(t, items(t, page)[0], "id"); other == kept {
		t.Errorf("both tenants have finding %s", kept)
	}
	first.end(t)

	began := time.Now()
	second := startDemo(t)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the second start took %s", took)
	}
	if strings.Contains(second.Log.String(), "creating demo tenant") {
		t.Error("the second start made tenants")
	}
	if _, page = follow(t, second.tries[0]); text(t, items(t, page)[0], "id") != kept {
		t.Errorf("the data is another: %v", page)
	}
	if status, answer := follow(t, first.tries[1].at(second.tries[0])); status != http.StatusForbidden {
		t.Errorf("globex's token at acme: %d %v", status, answer)
	}
	second.end(t)

	third := startDemo(t, "--reset", "--yes")
	if status, answer := follow(t, first.tries[0].at(third.tries[0])); status != http.StatusForbidden {
		t.Errorf("a token of the tenant before the reset: %d %v", status, answer)
	}
	if status, _ = follow(t, third.tries[0]); status != http.StatusOK {
		t.Errorf("after the reset: %d", status)
	}
	third.end(t)
}

// demoService is a service in embedded mode and the curl lines that it printed.
type demoService struct {
	*servicetest.Process

	tries []try
	dir   string
}

type try []string

// at is the same token with which another line asks.
func (a try) at(b try) try {
	line := append(try{}, b...)
	line[5] = a[5]
	return line
}

func startDemo(t *testing.T, args ...string) *demoService {
	t.Helper()
	d := &demoService{Process: servicetest.Start(t, config(), args)}
	for _, line := range printedTry.FindAllStringSubmatch(d.Stdout.String(), -1) {
		d.tries = append(d.tries, line)
	}
	dir := printedDir.FindStringSubmatch(d.Stdout.String())
	if len(d.tries) != 2 || dir == nil {
		t.Fatalf("printed:\n%s", d.Stdout.String())
	}
	d.dir = dir[1]
	return d
}

func (d *demoService) end(t *testing.T) {
	t.Helper()
	if stopped(t, d.dir) {
		t.Error("PostgreSQL does not run while the service does")
	}
	d.Stop(t)
	if !stopped(t, d.dir) {
		t.Error("PostgreSQL runs after the service has ended")
	}
}
