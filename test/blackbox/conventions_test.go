package blackbox_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// testConventions holds every operation to what the document declares of it,
// by the requests that succeeded before.
func testConventions(t *testing.T, w *walk) {
	for name, test := range map[string]func(*testing.T, *walk, *operation, request){
		"etag": etag, "total": total, "pages": pages, "deprecation": deprecation, "request id": requestID, "head": head, "gzip": zipped,
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range sortedKeys(w.calls) {
				req := w.calls[id].clone()
				if op := w.ops[id]; op.method == http.MethodGet {
					test(t, w, op, req)
				}
			}
		})
	}
	t.Run("methods", func(t *testing.T) { methods(t, w) })
	t.Run("cors", func(t *testing.T) { cors(t, w) })
}

// etag: what is known is not sent again.
func etag(t *testing.T, w *walk, op *operation, req request) {
	declared := op.response(http.StatusOK).Headers["ETag"] != nil
	first := w.do(t, req)
	tag := first.header.Get("ETag")
	if declared != (tag != "") {
		t.Errorf("%s: declared %t, sent %q", op.OperationID, declared, tag)
	}
	if !declared || tag == "" {
		return
	}
	for known, want := range map[string]int{tag: http.StatusNotModified, `"other", ` + tag: http.StatusNotModified, "*": http.StatusNotModified, `"other"`: http.StatusOK} {
		again := req.clone()
		again.want = want
		again.header.Set("If-None-Match", known)
		if a := w.do(t, again); a.header.Get("ETag") != tag || (want == http.StatusNotModified) != (len(a.body) == 0) {
			t.Errorf("%s: If-None-Match %s: ETag %q, %d bytes", op.OperationID, known, a.header.Get("ETag"), len(a.body))
		}
	}
}

// total: counted when asked for, null else.
func total(t *testing.T, w *walk, op *operation, req request) {
	if op.param(openapi3.ParameterInHeader, "Prefer") == nil {
		return
	}
	if a := w.do(t, req); a.get(t, "total") != nil {
		t.Errorf("%s: a total that nobody asked for: %s", op.OperationID, a.body)
	}
	req.header.Set("Prefer", "count=exact")
	a := w.do(t, req)
	if a.header.Get("Preference-Applied") != "count=exact" || a.get(t, "total") == nil {
		t.Errorf("%s: with Prefer: count=exact: %v %.300s", op.OperationID, a.header, a.body)
	}
	if a.get(t, "next_cursor") == nil && a.text(t, "total") != fmt.Sprint(len(a.items(t))) {
		t.Errorf("%s: the total of the only page is %s, and it holds %d", op.OperationID, a.text(t, "total"), len(a.items(t)))
	}
}

// pages: one item at a time gives the same as all at once, a cursor is good for
// its own list and only as it was given.
func pages(t *testing.T, w *walk, op *operation, req request) {
	if op.param(openapi3.ParameterInQuery, "cursor") == nil {
		return
	}
	req.query.Set("limit", "5")
	whole := w.do(t, req).items(t)
	req.query.Set("limit", "1")
	var single []object
	for cursor := ""; len(single) < len(whole); {
		if cursor != "" {
			req.query.Set("cursor", cursor)
		}
		page := w.do(t, req)
		single = append(single, page.items(t)...)
		next, more := page.get(t, "next_cursor").(string)
		if !more {
			break
		}
		cursor = next
	}
	if got, want := toJSON(t, single), toJSON(t, whole); !bytes.Equal(got, want) {
		t.Errorf("%s: one by one: %s\nat once: %s", op.OperationID, got, want)
	}
	if cursor := req.query.Get("cursor"); cursor != "" {
		middle := len(cursor) / 2
		flipped := "A"
		if cursor[middle] == 'A' {
			flipped = "B"
		}
		req.want = http.StatusBadRequest
		for _, bad := range []string{cursor[:middle] + flipped + cursor[middle+1:], cursor + "AAAA", "x"} {
			req.query.Set("cursor", bad)
			w.do(t, req)
		}
	}
}

// deprecation: announced on every answer, and only where the document says so.
func deprecation(t *testing.T, w *walk, op *operation, req request) {
	a := w.do(t, req)
	if !op.Deprecated {
		if a.header.Get("Deprecation")+a.header.Get("Sunset") != "" {
			t.Errorf("%s is not deprecated: %v", op.OperationID, a.header)
		}
		return
	}
	sunset, err := time.Parse(time.DateOnly, op.sunset())
	if err != nil {
		t.Fatalf("%s: x-sunset: %v", op.OperationID, err)
	}
	failing := req.clone()
	failing.want = http.StatusUnauthorized
	failing.header.Set("Authorization", "Bearer none")
	for _, a := range []*answer{a, w.do(t, failing)} {
		if !strings.HasPrefix(a.header.Get("Deprecation"), "@") || a.header.Get("Sunset") != sunset.UTC().Format(http.TimeFormat) {
			t.Errorf("%s: %d with Deprecation %q and Sunset %q", op.OperationID, a.status, a.header.Get("Deprecation"), a.header.Get("Sunset"))
		}
	}
}

// requestID: a client's own comes back, another one else.
func requestID(t *testing.T, w *walk, op *operation, req request) {
	const mine = "blackbox-7f3.A_9"
	for sent, echoed := range map[string]bool{mine: true, "short": false, "with a space in it": false, strings.Repeat("x", 65): false, "": false} {
		if sent != "" {
			req.header.Set("X-Request-ID", sent)
		}
		got := w.do(t, req).header.Get("X-Request-ID")
		if got == "" || (got == sent) != echoed {
			t.Errorf("%s: X-Request-ID %q comes back as %q", op.OperationID, sent, got)
		}
	}
}

// head: as GET, without the body.
func head(t *testing.T, w *walk, op *operation, req request) {
	get := w.do(t, req)
	a := w.send(t, http.MethodHead, op.target(req.path, req.query), w.headers(op, req), nil)
	if a.status != get.status || len(a.body) > 0 || a.header.Get("Content-Type") != get.header.Get("Content-Type") || a.header.Get("ETag") != get.header.Get("ETag") {
		t.Errorf("%s: HEAD: %d %v, GET: %d %v", op.OperationID, a.status, a.header, get.status, get.header)
	}
}

// compressible is a size from which an answer must be compressed when asked so.
const compressible = 2 << 10

// zipped: the same bytes, fewer of them.
func zipped(t *testing.T, w *walk, op *operation, req request) {
	plain := w.do(t, req)
	h := w.headers(op, req)
	h.Set("Accept-Encoding", "gzip")
	a := w.send(t, http.MethodGet, op.target(req.path, req.query), h, nil)
	encoding := a.header.Get("Content-Encoding")
	if len(plain.body) >= compressible && encoding != "gzip" {
		t.Errorf("%s: %d bytes with Content-Encoding %q", op.OperationID, len(plain.body), encoding)
	}
	if encoding != "gzip" {
		return
	}
	if !slices.ContainsFunc(a.header.Values("Vary"), func(v string) bool { return strings.Contains(v, "Accept-Encoding") }) {
		t.Errorf("%s: compressed without Vary: Accept-Encoding: %v", op.OperationID, a.header)
	}
	reader, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(reader); err != nil || !bytes.Equal(body, plain.body) {
		t.Errorf("%s: %v: %.200s instead of %.200s", op.OperationID, err, body, plain.body)
	}
}

// methods: each path allows what the document has, and says so.
func methods(t *testing.T, w *walk) {
	byPath := map[string][]string{}
	example := map[string]request{}
	for _, id := range sortedKeys(w.calls) {
		op := w.ops[id]
		byPath[op.path] = append(byPath[op.path], op.method)
		example[op.path] = w.calls[id]
	}
	for _, path := range sortedKeys(byPath) {
		allowed := append(slices.Clone(byPath[path]), http.MethodOptions)
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		slices.Sort(allowed)
		op := w.ops[example[path].op]
		target := op.target(example[path].path, nil)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"} {
			if slices.Contains(allowed, method) && method != http.MethodOptions {
				continue
			}
			a := w.send(t, method, target, http.Header{"Authorization": {"Bearer " + w.token}}, nil)
			if got := allow(a); !slices.Equal(got, allowed) {
				t.Errorf("%s %s: Allow %v instead of %v", method, target, got, allowed)
			}
			if method == http.MethodOptions && a.status != http.StatusNoContent {
				t.Errorf("OPTIONS %s: %d %s", target, a.status, a.body)
			}
			if method != http.MethodOptions && (a.status != http.StatusMethodNotAllowed || a.header.Get("Content-Type") != "application/problem+json") {
				t.Errorf("%s %s: %d %s", method, target, a.status, a.body)
			}
		}
	}
}

func allow(a *answer) []string {
	var methods []string
	for _, value := range a.header.Values("Allow") {
		for method := range strings.SplitSeq(value, ",") {
			methods = append(methods, strings.TrimSpace(method))
		}
	}
	slices.Sort(methods)
	return methods
}

// cors: the origin of the settings may do all that the document has, others nothing.
func cors(t *testing.T, w *walk) {
	for _, id := range sortedKeys(w.calls) {
		op, req := w.ops[id], w.calls[id]
		names := []string{"authorization"}
		for _, p := range op.params {
			if p.In == openapi3.ParameterInHeader {
				names = append(names, strings.ToLower(p.Name))
			}
		}
		if op.RequestBody != nil {
			names = append(names, "content-type")
		}
		slices.Sort(names)
		preflight := http.Header{
			"Access-Control-Request-Method": {op.method}, "Access-Control-Request-Headers": {strings.Join(names, ",")},
		}
		for from, allowed := range map[string]bool{origin: true, "https://evil.example": false} {
			preflight.Set("Origin", from)
			a := w.send(t, http.MethodOptions, op.target(req.path, nil), preflight, nil)
			if (a.header.Get("Access-Control-Allow-Origin") == from) != allowed {
				t.Errorf("%s: preflight from %s: %d %v", id, from, a.status, a.header)
			}
			if allowed && !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), op.method) {
				t.Errorf("%s: preflight: %v", id, a.header)
			}
			if op.method == http.MethodGet {
				get := req.clone()
				get.header.Set("Origin", from)
				exposes(t, op, w.do(t, get), from, allowed)
			}
		}
	}
}

// exposes: a page may read the headers that the document promises.
func exposes(t *testing.T, op *operation, a *answer, from string, allowed bool) {
	t.Helper()
	if (a.header.Get("Access-Control-Allow-Origin") == from) != allowed {
		t.Errorf("%s: GET from %s: %v", op.OperationID, from, a.header)
	}
	exposed := strings.ToLower(strings.Join(a.header.Values("Access-Control-Expose-Headers"), ","))
	for name := range op.response(op.success).Headers {
		if allowed && !strings.Contains(exposed, strings.ToLower(name)) {
			t.Errorf("%s: %s is not exposed: %s", op.OperationID, name, exposed)
		}
	}
}
