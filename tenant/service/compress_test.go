package service_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

const tag = `"0123456789abcdef"`

// respond sends what the query asks for: so many bytes of a media type.
func respond(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, err := strconv.Atoi(query.Get("size"))
	if err != nil {
		rest.WriteError(w, r, rest.Errorf(http.StatusConflict, "%s", strings.Repeat("no size ", 300)))
		return
	}
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", query.Get("type"))
	w.Header().Set("X-If-Match", r.Header.Get("If-Match"))
	_, _ = io.WriteString(w, strings.Repeat("x", size))
}

// get asks with headers, and does not unpack the answer.
func get(t *testing.T, s *servicetest.Service, method, path string, header map[string]string) (reply, string) {
	t.Helper()
	r := s.Request(t, 0, method, path, "")
	r.Header.Set("Accept-Encoding", "identity")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header}, string(body)
}

func TestCompression(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, configOf(respond))
	for name, c := range map[string]struct {
		path, accept string
		packed       bool
	}{
		"JSON":             {"/notes?size=5000&type=application/json", "gzip, deflate, br, zstd", true},
		"CSV":              {"/notes?size=5000&type=text/csv%3Bcharset=utf-8", "gzip", true},
		"NDJSON":           {"/notes?size=5000&type=application/x-ndjson", "gzip", true},
		"a problem":        {"/notes", "gzip", true},
		"small":            {"/notes?size=1000&type=application/json", "gzip", false},
		"a picture":        {"/notes?size=5000&type=image/png", "gzip", false},
		"a packed report":  {"/notes?size=5000&type=application/gzip", "gzip", false},
		"not asked for":    {"/notes?size=5000&type=application/json", "identity", false},
		"asked for not":    {"/notes?size=5000&type=application/json", "gzip;q=0", false},
		"other encodings":  {"/notes?size=5000&type=application/json", "br, zstd", false},
		"a probe, as text": {"/healthz", "gzip", false},
	} {
		res, body := get(t, s, http.MethodGet, c.path, map[string]string{"Accept-Encoding": c.accept})
		if packed := res.Header.Get("Content-Encoding") == "gzip"; packed != c.packed {
			t.Errorf("%s: packed %v, %v", name, packed, res.Header)
		}
		if c.path == "/healthz" {
			continue
		}
		wantVary(t, res.Header, "Accept-Encoding")
		if !c.packed {
			continue
		}
		unpacked, err := unpack(body)
		if err != nil || len(unpacked) < 1000 || len(body) > 500 {
			t.Errorf("%s: %d bytes, unpacked %d, %v", name, len(body), len(unpacked), err)
		}
		if length := res.Header.Get("Content-Length"); length != "" && length != strconv.Itoa(len(body)) {
			t.Errorf("%s: length %s of %d", name, length, len(body))
		}
	}
}

func unpack(body string) (string, error) {
	r, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), err
}

// A compressed answer has an ETag of its own, which is as good as the plain one
// in conditions.
func TestCompressedETags(t *testing.T) {
	t.Parallel()
	const path, packedTag = "/notes?size=5000&type=application/json", `"0123456789abcdef-gzip"`
	s := servicetest.New(t, configOf(respond))
	for accept, want := range map[string]string{"identity": tag, "gzip": packedTag} {
		if res, _ := get(t, s, http.MethodGet, path, map[string]string{"Accept-Encoding": accept}); res.Header.Get("ETag") != want {
			t.Errorf("%s: %s", accept, res.Header.Get("ETag"))
		}
		res, _ := get(t, s, http.MethodHead, path, map[string]string{"Accept-Encoding": accept})
		if res.Header.Get("ETag") != tag { // HEAD is about the plain answer.
			t.Errorf("HEAD %s: %d %v", accept, res.StatusCode, res.Header)
		}
		res, body := get(t, s, http.MethodGet, path, map[string]string{"Accept-Encoding": accept, "If-None-Match": want})
		if res.StatusCode != http.StatusNotModified || res.Header.Get("ETag") != want || body != "" || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s again: %d %v %q", accept, res.StatusCode, res.Header, body)
		}
		if res, _ = get(t, s, http.MethodGet, path, map[string]string{"If-Match": want}); res.Header.Get("X-If-Match") != tag {
			t.Errorf("the API sees If-Match: %s", res.Header.Get("X-If-Match"))
		}
	}
}

// A streamed answer arrives as far as it was flushed, through everything that
// stands before the handler, and the handler reaches the connection's deadlines.
func TestStreamsAreFlushed(t *testing.T) {
	t.Parallel()
	for from, path := range map[string]string{"subdomain": "/stream", "subdomain,path": "/t/acme/stream"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			flushes(t, path, "TENANT_FROM="+from)
		})
	}
}

// flushes reads each line of a stream before the next one is written.
func flushes(t *testing.T, path, setting string) {
	t.Helper()
	proceed := make(chan struct{})
	s := servicetest.New(t, configOf(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := errors.Join(control.SetReadDeadline(time.Now().Add(time.Hour)), control.SetWriteDeadline(time.Now().Add(time.Hour))); err != nil {
			rest.WriteError(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		for range 3 {
			if _, err := io.WriteString(w, "{}\n"); err != nil {
				t.Error(err)
			}
			if err := control.Flush(); err != nil {
				t.Error(err)
			}
			<-proceed
		}
	}), "WRITE_TIMEOUT=1s", "CORS_ORIGINS=*", "DOCS=true", setting)
	for _, accept := range []string{"identity", "gzip"} {
		r := s.Request(t, 0, http.MethodGet, path, "")
		r.Header.Set("Accept-Encoding", accept)
		r.Header.Set("If-None-Match", `"x-gzip"`) // One more wrapper.
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(res.Body)
		if accept == "gzip" {
			if res.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("%v", res.Header)
			}
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		lines := bufio.NewReader(body)
		for range 3 {
			if line, err := lines.ReadString('\n'); err != nil || line != "{}\n" {
				t.Fatalf("%s: %q, %v", accept, line, err)
			}
			proceed <- struct{}{}
		}
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("%s: %q, %v", accept, rest, err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A stream that breaks is no whole answer, compressed or not.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, configOf(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_, _ = io.WriteString(w, strings.Repeat("{}\n", 5000))
		panic(http.ErrAbortHandler)
	}))
	for _, accept := range []string{"identity", "gzip"} {
		r := s.Request(t, 0, http.MethodGet, "/stream", "")
		r.Header.Set("Accept-Encoding", accept)
		res, err := s.Client().Do(r)
		if err != nil {
			continue // Nothing had been sent yet.
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: %d bytes look like all", accept, len(body))
		}
		_ = res.Body.Close()
	}
}
