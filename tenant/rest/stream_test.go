package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// send answers with a stream as oapi-codegen's responses do.
func send(w http.ResponseWriter, r *http.Request, body io.Reader) {
	w.Header().Set("Content-Type", ndjson)
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, body); err != nil {
		rest.WriteError(w, r, err)
	}
}

// manyLines writes lines of about 500 bytes.
func manyLines(n int) func(w io.Writer) error {
	padding := strings.Repeat("x", 480)
	return func(w io.Writer) error {
		for i := range n {
			if _, err := fmt.Fprintf(w, "{\"uid\": \"%d %s\"}\n", i, padding); err != nil {
				return err
			}
		}
		return nil
	}
}

// peak is the most memory that the heap held beyond what it held before, while
// f ran.
func peak(t *testing.T, f func()) uint64 {
	t.Helper()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	before, most := stats.HeapInuse, stats.HeapInuse
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapInuse)
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	return most - before
}

// TestFlatMemory sends 100 MB in lines each way. It runs alone, for it looks at
// the memory of the whole process.
func TestFlatMemory(t *testing.T) {
	const lines, generous = 200_000, 40 << 20
	counted := 0
	server := httptest.NewServer(wrap(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			send(w, r, rest.Stream(manyLines(lines)))
			return
		}
		for _, err := range rest.Lines[line](r.Context(), r.Body) {
			if err != nil {
				rest.WriteError(w, r, err)
				return
			}
			counted++
		}
	}))
	defer server.Close()
	if grown := peak(t, func() {
		in, out := io.Pipe()
		go func() { out.CloseWithError(manyLines(lines)(out)) }()
		res := request(t, server.Client(), http.MethodPost, server.URL+"/lines", in)
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK || counted != lines {
			t.Errorf("%d, %d lines, %v", res.StatusCode, counted, err)
		}
	}); grown > generous {
		t.Errorf("the heap grew by %d MiB for the lines that came in", grown>>20)
	}
	if grown := peak(t, func() {
		res := request(t, server.Client(), http.MethodGet, server.URL+"/lines", http.NoBody)
		defer res.Body.Close()
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n < 90<<20 {
			t.Errorf("%d bytes, %v", n, err)
		}
	}); grown > generous {
		t.Errorf("the heap grew by %d MiB for the lines that went out", grown>>20)
	}
}

func request(t *testing.T, client *http.Client, method, url string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", ndjson)
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// pipes is a listener whose connections have no buffer and no real time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- far
	return near, nil
}

const patience = 10 * time.Second // the server's timeouts

// bubble runs f in time that passes at once. start starts a server of short
// patience and gives a client of it.
func bubble(t *testing.T, f func(t *testing.T, start func(http.HandlerFunc) *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{ReadTimeout: patience, WriteTimeout: patience}
		served := make(chan error)
		client := &http.Client{Transport: &http.Transport{DialContext: listener.dial, DisableCompression: true}}
		f(t, func(next http.HandlerFunc) *http.Client {
			server.Handler = wrap(t, next)
			go func() { served <- server.Serve(listener) }()
			return client
		})
		client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
}

// slowly writes a line each few seconds.
func slowly(n int) func(w io.Writer) error {
	return func(w io.Writer) error {
		for range n {
			time.Sleep(patience / 3)
			if _, err := io.WriteString(w, "{\"uid\": \"a\"}\n"); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestLongTransfers outlive the server's timeouts, and so does what the handler
// does between the request's end and its answer, within the timeout of writing.
func TestLongTransfers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, start func(http.HandlerFunc) *http.Client) {
		client := start(func(w http.ResponseWriter, r *http.Request) {
			var got []line
			gather(&got)(w, r)
			time.Sleep(patience * 9 / 10)
			if err := r.Context().Err(); err != nil || len(got) != 20 {
				t.Errorf("%d lines, %v", len(got), err)
			}
			send(w, r, rest.Stream(slowly(20)))
		})
		in, out := io.Pipe()
		go func() { out.CloseWithError(slowly(20)(out)) }()
		res := request(t, client, http.MethodPost, "http://x/lines", in)
		defer res.Body.Close()
		began := time.Now()
		first, err := bufio.NewReader(res.Body).ReadString('\n')
		if err != nil || time.Since(began) > patience {
			t.Errorf("the first line came after %s: %q, %v", time.Since(began), first, err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		res = request(t, client, http.MethodPost, "http://x/lines", strings.NewReader(strings.Repeat("{\"uid\": \"a\"}\n", 20)))
		defer res.Body.Close()
		if data, err := io.ReadAll(res.Body); err != nil || strings.Count(string(data), "\n") != 20 {
			t.Errorf("the connection's next request: %q, %v", data, err)
		}
	})
}

// TestStalledUpload is cut by the server's timeout.
func TestStalledUpload(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, start func(http.HandlerFunc) *http.Client) {
		failed := make(chan error, 1)
		client := start(func(_ http.ResponseWriter, r *http.Request) {
			for _, err := range rest.Lines[line](r.Context(), r.Body) {
				if err != nil {
					failed <- err
				}
			}
		})
		in, out := io.Pipe()
		go func() {
			if err := slowly(5)(out); err != nil {
				t.Error(err)
			}
			select { // No more comes, and no end.
			case err := <-failed:
				if net, ok := errors.AsType[net.Error](err); !ok || !net.Timeout() {
					t.Errorf("it ended by %v", err)
				}
			case <-time.After(20 * patience):
				t.Error("the upload was not cut")
			}
			out.Close()
		}()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x/lines", in)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", ndjson)
		if res, err := client.Do(r); err == nil {
			res.Body.Close()
		}
	})
}

// TestStalledDownload is cut by the server's timeout.
func TestStalledDownload(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, start func(http.HandlerFunc) *http.Client) {
		ended := make(chan error, 1)
		client := start(func(w http.ResponseWriter, r *http.Request) {
			send(w, r, rest.Stream(func(w io.Writer) error {
				err := manyLines(10_000)(w)
				ended <- err
				return err
			}))
		})
		res := request(t, client, http.MethodGet, "http://x/lines", http.NoBody)
		defer res.Body.Close()
		select { // Nobody reads.
		case err := <-ended:
			if err == nil {
				t.Error("everything was written")
			}
		case <-time.After(20 * patience):
			t.Error("the download was not cut")
		}
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Error("the client took it for whole")
		}
	})
}

// TestStreamError cuts the connection, and a client that has gone ends the stream.
func TestStreamError(t *testing.T) {
	t.Parallel()
	ended, gone := make(chan error, 1), make(chan struct{})
	server := httptest.NewServer(wrap(t, func(w http.ResponseWriter, r *http.Request) {
		rest.AtEnd(r.Context(), func() { ended <- r.Context().Err() })
		send(w, r, rest.Stream(func(w io.Writer) error {
			if err := manyLines(100)(w); err != nil || r.URL.Query().Has("fail") {
				return errors.Join(err, errors.New("failed"))
			}
			<-gone
			return manyLines(1_000_000)(w)
		}))
	}))
	defer server.Close()
	res := request(t, server.Client(), http.MethodGet, server.URL+"/lines?fail=1", http.NoBody)
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	<-ended
	res = request(t, server.Client(), http.MethodGet, server.URL+"/lines", http.NoBody)
	res.Body.Close()
	close(gone)
	if err := <-ended; err == nil {
		t.Error("the request's context goes on")
	}
}

// TestStreamOfHead is not even begun.
func TestStreamOfHead(t *testing.T) {
	t.Parallel()
	h := wrap(t, func(w http.ResponseWriter, r *http.Request) {
		send(w, r, rest.Stream(func(io.Writer) error {
			t.Error("the stream was written")
			return nil
		}))
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/lines", http.NoBody))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != ndjson || w.Body.Len() > 0 {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// TestStreamElsewhere works outside of a response, and read as well as written.
func TestStreamElsewhere(t *testing.T) {
	t.Parallel()
	const want = "{\"uid\": \"a\"}\n"
	text := func(w io.Writer) error {
		_, err := io.WriteString(w, want)
		return err
	}
	var b strings.Builder
	if _, err := io.Copy(&b, rest.Stream(text)); err != nil || b.String() != want {
		t.Errorf("written %q, %v", b.String(), err)
	}
	read := struct{ io.Reader }{rest.Stream(text)} // without WriteTo
	if data, err := io.ReadAll(read); err != nil || string(data) != want {
		t.Errorf("read %q, %v", data, err)
	}
	failure := errors.New("failed")
	if _, err := io.ReadAll(struct{ io.Reader }{rest.Stream(func(io.Writer) error { return failure })}); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
}
