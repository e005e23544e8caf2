package docs_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick"
	"github.com/bailiwick-dev/bailiwick/tenant/docs"
)

func newHandler(t *testing.T, document string) http.Handler {
	t.Helper()
	h, err := docs.Handler(docs.Config{Document: []byte(document)})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask returns the answer; its body is in a buffer and needs no closing.
func ask(t *testing.T, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServesTheDocumentAsItIs(t *testing.T) {
	t.Parallel()
	h := newHandler(t, string(bailiwick.OpenAPI))
	res := ask(t, h, "GET", "/openapi.yaml")
	if got := res.Body.String(); res.Code != http.StatusOK || got != string(bailiwick.OpenAPI) {
		t.Errorf("%d, %d bytes", res.Code, len(got))
	}
	if got := res.Header().Get("Content-Type"); got != "application/yaml" {
		t.Errorf("media type %s", got)
	}
}

// TestJSONSaysTheSame loads both forms: not one extension may be lost.
func TestJSONSaysTheSame(t *testing.T) {
	t.Parallel()
	h := newHandler(t, string(bailiwick.OpenAPI))
	load := func(data []byte) string {
		doc, err := openapi3.NewLoader().LoadFromData(data)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(doc, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	got := ask(t, h, "GET", "/openapi.json").Body.String()
	if diff := cmp.Diff(load(bailiwick.OpenAPI), load([]byte(got))); diff != "" {
		t.Errorf("(-yaml +json):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	const document = `
openapi: 3.0.3
info: {title: "T <&>", version: 1.0, x-date: 2026-01-01, x-none: null, x-big: 9007199254740993}
x-base: &base {b: 1, a: true}
x-more: {<<: *base, c: "2", b: 3}
x-list: [*base, 0x10, .5, ~, no]
`
	const want = `{
  "openapi": "3.0.3",
  "info": {
    "title": "T \u003c\u0026\u003e",
    "version": 1,
    "x-date": "2026-01-01",
    "x-none": null,
    "x-big": 9007199254740993
  },
  "x-base": {
    "b": 1,
    "a": true
  },
  "x-more": {
    "c": "2",
    "b": 3,
    "a": true
  },
  "x-list": [
    {
      "b": 1,
      "a": true
    },
    16,
    0.5,
    null,
    "no"
  ]
}
`
	got := ask(t, newHandler(t, document), "GET", "/openapi.json").Body.String()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusesWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"":                          "it is no object",
		"- a":                       "it is no object",
		"a: [":                      "line 1",
		"a: 1\na: 2":                `line 2: mapping key "a" already defined`,
		"a: &x\n  b: *x":            "contains itself",
		"info: {title: {}}":         "title",
		"a: .inf":                   `line 1: ".inf" has no form in JSON`,
		"a: !!int x":                "cannot decode",
		"a: &a [1]\nb: {<<: *a}":    "map merge requires",
		"openapi: 3\n\tinfo: {}":    "line 2",
		"paths: {/a: {}, /a: {}}\n": "already defined",
	} {
		_, err := docs.Handler(docs.Config{Document: []byte(document)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", document, err)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "openapi: 3.0.3\ninfo: {title: Pets & <b>more</b>}\n")
	res := ask(t, h, "GET", "/docs/")
	page := res.Body.String()
	if !strings.Contains(page, "<title>Pets &amp; &lt;b&gt;more&lt;/b&gt;</title>") {
		t.Errorf("the title is not that of the document:\n%s", page)
	}
	if strings.Contains(page, "<style") || regexp.MustCompile(`<script>|\son\w+=|style=`).MatchString(page) {
		t.Errorf("something is inline:\n%s", page)
	}
	assets := regexp.MustCompile(`(?:src|href)="([^".][^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(assets) != 5 {
		t.Fatalf("assets: %v", assets)
	}
	for _, asset := range assets {
		res := ask(t, h, "GET", "/docs/"+asset[1])
		if res.Code != http.StatusOK || res.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", asset[1], res.Code, res.Header())
		}
		name, _, _ := strings.Cut(asset[1], "?")
		if got := ask(t, h, "GET", "/docs/"+name+"?v=old").Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s of another version may be kept: %s", name, got)
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "openapi: 3.0.3\n")
	for _, target := range []string{"/docs", "/docs/", "/docs/init.js", "/openapi.yaml", "/openapi.json", "/docs/none", "/"} {
		header := ask(t, h, "GET", target).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", target, name, got)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "openapi: 3.0.3\n")
	for _, target := range []string{"/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.yaml"} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE"} {
			res := ask(t, h, method, target)
			if res.Code != http.StatusMethodNotAllowed || res.Header().Get("Allow") != "GET, HEAD, OPTIONS" || res.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s: %d %v", method, target, res.Code, res.Header())
			}
		}
		if res := ask(t, h, "OPTIONS", target); res.Code != 204 || res.Header().Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("OPTIONS %s: %d %v", target, res.Code, res.Header())
		}
		get, head := ask(t, h, "GET", target), ask(t, h, "HEAD", target)
		if diff := cmp.Diff(get.Header(), head.Header()); target != "/docs" && diff != "" {
			t.Errorf("%s (-get +head):\n%s", target, diff)
		}
		if head.Code != get.Code || head.Body.String() != "" {
			t.Errorf("HEAD %s: %d", target, head.Code)
		}
	}
	if res := ask(t, h, "GET", "/docs"); res.Code != 301 || res.Header().Get("Location") != "/docs/" {
		t.Errorf("/docs: %d %v", res.Code, res.Header())
	}
	for _, target := range []string{"/", "/docs/page/", "/docs/../openapi.yaml", "/openapi.yml", "/docs/index.html"} {
		if res := ask(t, h, "GET", target); res.Code != 404 || res.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v", target, res.Code, res.Header())
		}
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "openapi: 3.0.3\n")
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "deflate;q=0.5, GZIP;q=0.1": true, "*": true, "br": false,
		"gzip;q=0": false, "*, gzip;q=0": false, "gzip, *;q=0": true, "gzip;q=x": false, "identity": false,
	} {
		res := ask(t, h, "GET", "/docs/swagger-ui.css", "Accept-Encoding", accept)
		text := res.Body.Bytes()
		packed := res.Header().Get("Content-Encoding") == "gzip"
		if packed != want || res.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accept, res.Header())
		}
		if packed {
			r, err := gzip.NewReader(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if text, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(string(text), ".swagger-ui") {
			t.Errorf("%q: this is no style sheet", accept)
		}
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "openapi: 3.0.3\n")
	tags := map[string]bool{}
	for _, accept := range []string{"identity", "gzip"} {
		tag := ask(t, h, "GET", "/openapi.json", "Accept-Encoding", accept).Header().Get("ETag")
		if res := ask(t, h, "GET", "/openapi.json", "Accept-Encoding", accept, "If-None-Match", tag); res.Code != 304 || res.Body.String() != "" {
			t.Errorf("%s: %d for the same %s", accept, res.Code, tag)
		}
		if res := ask(t, h, "GET", "/openapi.json", "Accept-Encoding", accept, "If-None-Match", `"other"`); res.Code != http.StatusOK {
			t.Errorf("%s: %d for another", accept, res.Code)
		}
		tags[tag] = true
	}
	if len(tags) != 2 {
		t.Errorf("two forms share a tag: %v", tags)
	}
	other := newHandler(t, "openapi: 3.0.2\n")
	if tag := ask(t, other, "GET", "/openapi.json").Header().Get("ETag"); tags[tag] {
		t.Errorf("another document has the tag %s too", tag)
	}
}
