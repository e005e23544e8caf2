package docs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/docs"
)

const prefix = tenant.PathPrefix("/t/")

func newPathHandler(t *testing.T, cfg docs.Config) http.Handler {
	t.Helper()
	cfg.TenantPath = prefix
	h, err := docs.Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return prefix.Strip(h)
}

// servers are the urls of a served document's servers, and what it says besides.
func servers(t *testing.T, h http.Handler, target string) (urls []string, others string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(ask(t, h, "GET", target).Body.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	for _, s := range doc.Servers {
		if err := s.Validate(t.Context()); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		urls = append(urls, s.URL)
	}
	doc.Servers = nil
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return urls, string(text)
}

// Where paths name tenants, requests of a client that goes by the document have to
// reach one: the tenant below whose path it was read, or the one that the client says.
func TestServersOfTenantsInPaths(t *testing.T) {
	t.Parallel()
	only := newPathHandler(t, docs.Config{Document: bailiwick.OpenAPI})
	among := newPathHandler(t, docs.Config{Document: bailiwick.OpenAPI, KeepServers: true})
	_, plain := servers(t, newHandler(t, string(bailiwick.OpenAPI)), "/openapi.yaml")
	for _, form := range []string{"/openapi.yaml", "/openapi.json"} {
		for _, c := range []struct {
			h      http.Handler
			target string
			want   []string
		}{
			{only, form, []string{"/t/{tenant}"}},
			{among, form, []string{"/", "/t/{tenant}"}},
			{only, "/t/acme" + form, []string{"/t/acme"}},
			{among, "/t/acme" + form, []string{"/t/acme"}},
			{only, "/t/%7Btenant%7D%22%0A" + form, []string{"/t/%7Btenant%7D%22%0A"}},
			{only, `/t/a'b:` + form, []string{`/t/a'b:`}},
		} {
			got, others := servers(t, c.h, c.target)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.target, diff)
			}
			if others != plain {
				t.Errorf("%s: something else was changed", c.target)
			}
		}
	}
}

func TestServersOfADocumentWithoutAny(t *testing.T) {
	t.Parallel()
	h := newPathHandler(t, docs.Config{Document: []byte("openapi: 3.0.3\npaths: {}\n"), KeepServers: true})
	got, _ := servers(t, h, "/openapi.yaml")
	if diff := cmp.Diff([]string{"/", "/t/{tenant}"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each tenant's document has a tag of its own, by which it is not sent again.
func TestServersAreCachedByTenant(t *testing.T) {
	t.Parallel()
	h := newPathHandler(t, docs.Config{Document: bailiwick.OpenAPI})
	tags := map[string]string{}
	for _, target := range []string{"/openapi.yaml", "/t/acme/openapi.yaml", "/t/globex/openapi.yaml"} {
		for _, coding := range []string{"identity", "gzip"} {
			res := ask(t, h, "GET", target, "Accept-Encoding", coding)
			tag := res.Header().Get("ETag")
			if other, ok := tags[tag]; ok {
				t.Errorf("%s (%s) has the tag of %s", target, coding, other)
			}
			tags[tag] = target
			if got := res.Header().Get("Cache-Control"); got != "no-cache" {
				t.Errorf("%s: %s", target, got)
			}
			if res := ask(t, h, "GET", target, "Accept-Encoding", coding, "If-None-Match", tag); res.Code != http.StatusNotModified {
				t.Errorf("%s (%s): %d for the same tag", target, coding, res.Code)
			}
		}
	}
}

// The packed form is the same document, and not packed anew for whoever asks: those of
// two tenants differ in their paths and in the checksum alone.
func TestServersOfTenantsArePackedOnce(t *testing.T) {
	t.Parallel()
	h := newPathHandler(t, docs.Config{Document: bailiwick.OpenAPI})
	for _, form := range []string{"/openapi.yaml", "/openapi.json"} {
		packed := map[string][]byte{}
		for _, slug := range []string{"acme", "zeta", strings.Repeat("long", 50_000)} {
			target := "/t/" + slug + form
			packed[slug] = ask(t, h, "GET", target, "Accept-Encoding", "gzip").Body.Bytes()
			r, err := gzip.NewReader(bytes.NewReader(packed[slug]))
			if err != nil {
				t.Fatal(err)
			}
			r.Multistream(false) // Not every client reads more than one.
			got, err := io.ReadAll(r)
			if want := ask(t, h, "GET", target).Body.Bytes(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%.20s: %v, %d bytes, %d in plain", target, err, len(got), len(want))
			}
		}
		differ := 0
		for i := range min(len(packed["acme"]), len(packed["zeta"])) {
			if packed["acme"][i] != packed["zeta"][i] {
				differ++
			}
		}
		if len(packed["acme"]) != len(packed["zeta"]) || differ > len("acme")+4 {
			t.Errorf("%s: %d and %d bytes, of which %d differ", form, len(packed["acme"]), len(packed["zeta"]), differ)
		}
	}
}

func BenchmarkDocumentOfATenant(b *testing.B) {
	h, err := docs.Handler(docs.Config{Document: bailiwick.OpenAPI, TenantPath: prefix})
	if err != nil {
		b.Fatal(err)
	}
	h = prefix.Strip(h)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/t/acme/openapi.yaml", http.NoBody)
	r.Header.Set("Accept-Encoding", "gzip")
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
