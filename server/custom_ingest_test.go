package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// scanFor starts a scan of a new provider over HTTP.
func (c *configured) scanFor(t *testing.T, i int, uid string) string {
	t.Helper()
	id := ""
	for _, step := range [][3]string{{"/v1/providers", `{"kind":"aws","uid":"` + uid + `"}`, "provider_id"}, {"/v1/scans", `{"provider_id":"%s"}`, "id"}} {
		status, body := c.send(t, i, "POST", step[0], strings.ReplaceAll(step[1], "%s", id))
		var made struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
			t.Fatalf("POST %s: %d %s", step[0], status, body)
		}
		id = made.ID
	}
	if status, body := c.send(t, i, "POST", "/v1/scans/"+id+"/start", ""); status != http.StatusOK {
		t.Fatalf("start: %d %s", status, body)
	}
	return id
}

// Attack 38: clients that stall in the middle of a report hold no connection to
// the database and no lock, neither of which anybody else would get.
func TestAttack38ReportsThatStallHoldNothing(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, "DATABASE_MAX_CONNS=2")
	scans := make([]string, 4)
	for i := range scans {
		scans[i] = c.scanFor(t, 0, fmt.Sprintf("account-%d", i))
		body, out := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://acme.app.example/v1/scans/"+scans[i]+"/findings", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token(t, 0))
		r.Header.Set("Content-Type", "application/x-ndjson")
		go func() {
			if res, err := c.client().Do(r); err == nil {
				_ = res.Body.Close()
			}
		}()
		if _, err := out.Write([]byte(`{"uid":`)); err != nil { // It returns when it is on its way.
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = out.CloseWithError(io.ErrUnexpectedEOF) })
	}
	time.Sleep(500 * time.Millisecond) // The requests get as far as they can.
	began := time.Now()
	for range 3 {
		if status, body := c.send(t, 1, "GET", "/v1/roles", ""); status != http.StatusOK {
			t.Errorf("the neighbour: %d %s", status, body)
		}
		if status, body := c.send(t, 0, "PUT", "/v1/scans/"+scans[0]+"/progress", `{"progress":10}`); status != http.StatusOK {
			t.Errorf("progress of a scan whose report stalls: %d %s", status, body)
		}
	}
	if status, body := c.send(t, 0, "POST", "/v1/scans/"+scans[0]+"/cancel", ""); status != http.StatusOK {
		t.Errorf("cancel: %d %s", status, body)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
}

// How much of a report is held at a time is a matter of bytes, not of lines alone.
func TestIngestOfLargeLines(t *testing.T) {
	t.Parallel()
	s := newScanner(t)
	scan := s.executing(t)
	var report bytes.Buffer
	out := json.NewEncoder(&report)
	for i := range 24 {
		n := newFinding(fmt.Sprintf("f%d", min(i, 22)), api.FindingStatusFail, "one") // The last one comes twice.
		n.Evidence = &map[string]any{"text": strings.Repeat("x", 200<<10)}
		if err := out.Encode(n); err != nil {
			t.Fatal(err)
		}
	}
	counted := &metered{Reader: &report}
	_, err := ingest(t.Context(), s.Queries, scan, rest.Lines[api.NewFinding](t.Context(), counted), counted)
	var first, last int
	if status(err) != http.StatusConflict {
		t.Fatalf("error %v, want that of the uid that comes twice", err)
	}
	problem, _ := rest.ProblemOf(err)
	if _, scanErr := fmt.Sscanf(problem.Detail, "lines %d to %d:", &first, &last); scanErr != nil || last != 24 || last-first > 6 {
		t.Errorf("the last batch is of lines %d to %d: %s", first, last, problem.Detail)
	}
	s.holdsNothing(t)
}

// Attack 38: reports that are being taken in have room of their own for each tenant,
// and MAX_SPOOLED says how much.
func TestAttack38ReportsHaveSoMuchRoom(t *testing.T) {
	t.Parallel()
	c := newConfigured(t, "MAX_SPOOLED=2000")
	var long strings.Builder
	for i := range 200 { // Hashes do not shrink to a sixth.
		fmt.Fprintf(&long, `{"uid":"%x","check_id":"c","service":"s","region":"r","severity":"low","status":"fail","resources":[{"uid":"r","kind":"bucket"}]}`+"\n", sha256.Sum256([]byte{byte(i)}))
	}
	short := long.String()[:strings.Index(long.String(), "\n")+1]
	path := "/v1/scans/" + c.scanFor(t, 0, "account") + "/findings"
	for name, want := range map[string]struct {
		report string
		status int
	}{"too much at a time": {long.String(), http.StatusTooManyRequests}, "little": {short, http.StatusOK}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://acme.app.example"+path, strings.NewReader(want.report))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token(t, 0))
		r.Header.Set("Content-Type", "application/x-ndjson")
		res, err := c.client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != want.status {
			t.Errorf("%s: %d %s %v", name, res.StatusCode, body, err)
		}
	}
}
