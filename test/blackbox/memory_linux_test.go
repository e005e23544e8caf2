package blackbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	// many is how many findings one request brings.
	many = 100_000
	// maxServer is what the server may ever have had in memory, everything
	// before the ingest included.
	maxServer = 100 << 20
	// maxReport is what a report may add to that, however long it is.
	maxReport = 16 << 20
	// several is more than the service stores at a time.
	several = 10_000
)

// TestHundredThousand brings findings in by one request and takes them out by
// one, and the server holds few of them at a time. A rule mutes all of them.
func TestHundredThousand(t *testing.T) {
	w := newWalk(newClient(t, acme))
	w.executing(t)
	w.keep(t, "mute_rule_id", w.call(t, "createMuteRule", jsonBody(t, object{"name": w.mark("all"), "reason": w.mark("too many"), "severity": "medium"})))
	defer w.call(t, "deleteMuteRule")
	before := peakMemory(t, server.cmd.Process.Pid)
	status, body, err := w.stream(t, many, "", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(body, fmt.Sprintf(`"findings":%d`, many)) || !strings.Contains(body, fmt.Sprintf(`"muted":%d`, many)) {
		t.Fatalf("%d %s %v", status, body, err)
	}
	ingested := peakMemory(t, server.cmd.Process.Pid)
	t.Logf("the server had at most %d MiB before and %d MiB after the ingest of %d findings", before>>20, ingested>>20, many)
	if ingested > maxServer {
		t.Errorf("the server had %d MiB in memory, more than %d", ingested>>20, maxServer>>20)
	}
	w.call(t, "finishScan")
	w.keep(t, "report_id", w.call(t, "createReport", jsonBody(t, object{"title": w.mark("all"), "format": "ndjson"})))
	if rows := w.download(t); rows != many {
		t.Errorf("the report has %d rows instead of %d", rows, many)
	}
	reported := peakMemory(t, server.cmd.Process.Pid)
	t.Logf("and %d MiB after the report of them", reported>>20)
	if reported-ingested > maxReport {
		t.Errorf("the report took %d MiB", (reported-ingested)>>20)
	}
}

// TestIngestIsAllOrNothing breaks ingests in their middle and at their end.
func TestIngestIsAllOrNothing(t *testing.T) {
	w := newWalk(newClient(t, acme))
	w.executing(t)
	broken := errors.New("the client is gone")
	if status, body, err := w.stream(t, several, "", broken); !errors.Is(err, broken) {
		t.Fatalf("%d %s %v", status, body, err)
	}
	status, body, err := w.stream(t, several, `{"uid":"the last one"}`+"\n", nil)
	if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(body, fmt.Sprint(several+1)) {
		t.Errorf("an invalid line at the end: %d %s %v", status, body, err)
	}
	status, body, err = w.stream(t, several, `{"uid":"cut`, nil)
	if err != nil || status != http.StatusBadRequest || !strings.Contains(body, fmt.Sprint(several+1)) {
		t.Errorf("a line that is not complete: %d %s %v", status, body, err)
	}
	// This one waits for whatever still holds the scan.
	w.call(t, "ingestFindings", raw(lines(t, w.finding("alone", "low", "pass"))))
	if found := w.call(t, "listScanFindings").items(t); len(found) != 1 {
		t.Errorf("%d findings are there instead of one", len(found))
	}
	if found := w.call(t, "listResources", query("provider_id", w.ids["provider_id"])).items(t); len(found) != 1 {
		t.Errorf("%d resources are there instead of one", len(found))
	}
}

// executing makes a scan that takes findings.
func (w *walk) executing(t *testing.T) {
	t.Helper()
	w.keep(t, "provider_id", w.call(t, "createProvider", jsonBody(t, object{"kind": "aws", "uid": w.mark("large")})))
	w.keep(t, "scan_id", w.call(t, "createScan", jsonBody(t, object{"provider_id": w.ids["provider_id"]})))
	w.call(t, "startScan")
}

// stream ingests n findings as they are made, and then what comes last. It
// breaks the connection after them if there is an error to do so with.
func (w *walk) stream(t *testing.T, n int, last string, broken error) (status int, body string, err error) {
	t.Helper()
	reader, writer := io.Pipe()
	template := string(lines(t, w.finding("N", "medium", "fail")))
	go func() {
		buffered := bufio.NewWriterSize(writer, 64<<10)
		for i := range n {
			name := fmt.Sprintf("%07d-", i)
			if _, err := buffered.WriteString(strings.ReplaceAll(template, "N-", name)); err != nil {
				return // The server has answered already.
			}
		}
		_, err := buffered.WriteString(last)
		if err = errors.Join(err, buffered.Flush(), broken); err != nil {
			_ = writer.CloseWithError(broken)
			return
		}
		_ = writer.Close()
	}()
	op := w.op(t, "ingestFindings")
	r, err := http.NewRequestWithContext(t.Context(), op.method, w.base+op.target(w.ids, nil), reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", ndjson)
	res, err := w.patient().Do(r)
	if err != nil {
		return 0, "", err
	}
	return res.StatusCode, string(readAll(t, res)), nil
}

// patient has no timeout but the test's.
func (w *walk) patient() *http.Client {
	return &http.Client{Transport: w.http.Transport}
}

// download reads the report and counts its rows, each of which must be whole.
func (w *walk) download(t *testing.T) int {
	t.Helper()
	op := w.streamed(t)
	r, err := http.NewRequestWithContext(t.Context(), op.method, w.base+op.target(w.ids, nil), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Accept", ndjson)
	res, err := w.patient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != ndjson || res.ContentLength >= 0 {
		t.Fatalf("%d %v with a length of %d: %s", res.StatusCode, res.Header, res.ContentLength, readAll(t, res))
	}
	rows := 0
	rest := bufio.NewReaderSize(res.Body, 1<<20)
	for {
		line, err := rest.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil || !bytes.HasPrefix(line, []byte("{")) || !bytes.HasSuffix(line, []byte("}\n")) {
			t.Fatalf("row %d: %v: %s", rows+1, err, line)
		}
		rows++
	}
	if err := res.Body.Close(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return rows
}

// streamed is the operation that answers with the rows of a report.
func (w *walk) streamed(t *testing.T) *operation {
	t.Helper()
	for _, id := range sortedKeys(w.ops) {
		op := w.ops[id]
		if op.method == http.MethodGet && strings.Contains(op.path, "{report_id}") && op.response(http.StatusOK).Content[ndjson] != nil {
			return op
		}
	}
	t.Fatalf("no operation of openapi.yaml answers with a report as %s", ndjson)
	return nil
}
