package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bailiwick-dev/bailiwick/client"
)

// answers is a service that fails as told: each attempt takes a second and gets
// the next answer. Time is a test bubble's.
type answers struct {
	list  []answer
	at    []time.Duration // when each attempt began
	began time.Time
	sent  []string // the bodies
}

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	if a.began.IsZero() {
		a.began = time.Now()
	}
	a.at = append(a.at, time.Since(a.began))
	body := ""
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err = errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
		body = string(text)
	}
	a.sent = append(a.sent, body)
	time.Sleep(time.Second)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	next := a.list[min(len(a.at), len(a.list))-1]
	if next.err != nil {
		return nil, next.err
	}
	return &http.Response{StatusCode: next.status, Header: next.header, Body: io.NopCloser(strings.NewReader("body")), Request: req, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// answer is what one attempt gets.
type answer struct {
	status int
	header http.Header
	err    error
}

func status(code int, header ...string) answer {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return answer{status: code, header: h}
}

func failure(err error) answer { return answer{err: err} }

var errReset = errors.New("connection reset by peer")

// newClient has waits of exactly nothing, unless the options say otherwise.
func newClient(t *testing.T, a *answers, o client.Options) *client.Client {
	t.Helper()
	if o.MinBackoff == 0 {
		o.MinBackoff, o.MaxBackoff = 1, 1
	}
	o.HTTP = &http.Client{Transport: a}
	c, err := client.New("https://acme.example", &o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func request(t *testing.T, method string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://acme.example/v1/things", body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// outcome is the status of an answer or a problem, or 0 for another error.
func outcome(t *testing.T, c *client.Client, req *http.Request) (int, error) {
	t.Helper()
	res, err := c.Do(req)
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return p.Status, err
	}
	if err != nil {
		return 0, err
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	return res.StatusCode, nil
}

func TestWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	key := []string{"Idempotency-Key", "k"}
	for name, c := range map[string]struct {
		method string
		body   io.Reader
		header []string
		first  answer
		want   int // attempts
	}{
		"GET 503":                   {"GET", nil, nil, status(503), 2},
		"GET 429":                   {"GET", nil, nil, status(429), 2},
		"GET 502":                   {"GET", nil, nil, status(502), 2},
		"GET 504":                   {"GET", nil, nil, status(504), 2},
		"GET reset":                 {"GET", nil, nil, failure(errReset), 2},
		"HEAD 503":                  {"HEAD", nil, nil, status(503), 2},
		"PUT 503":                   {"PUT", strings.NewReader("x"), nil, status(503), 2},
		"DELETE 503":                {"DELETE", nil, nil, status(503), 2},
		"POST with key 503":         {"POST", strings.NewReader("x"), key, status(503), 2},
		"POST with key reset":       {"POST", strings.NewReader("x"), key, failure(errReset), 2},
		"PATCH with key 503":        {"PATCH", strings.NewReader("x"), key, status(503), 2},
		"GET 500":                   {"GET", nil, nil, status(500), 1},
		"GET 501":                   {"GET", nil, nil, status(501), 1},
		"GET 404":                   {"GET", nil, nil, status(404), 1},
		"GET 408":                   {"GET", nil, nil, status(408), 1},
		"GET bad certificate":       {"GET", nil, nil, failure(&tls.CertificateVerificationError{Err: errReset}), 1},
		"POST 503":                  {"POST", strings.NewReader("x"), nil, status(503), 1},
		"POST reset":                {"POST", strings.NewReader("x"), nil, failure(errReset), 1},
		"POST 429":                  {"POST", nil, nil, status(429), 1},
		"PATCH 503":                 {"PATCH", strings.NewReader("x"), nil, status(503), 1},
		"PUT of a stream":           {"PUT", io.MultiReader(strings.NewReader("x")), nil, status(503), 1},
		"POST with key of a stream": {"POST", io.MultiReader(strings.NewReader("x")), key, failure(errReset), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &answers{list: []answer{c.first, status(200)}}
				code, err := outcome(t, newClient(t, a, client.Options{}), request(t, c.method, c.body, c.header...))
				if len(a.at) != c.want || (code == 200) != (c.want == 2) {
					t.Errorf("%d attempts, status %d, %v", len(a.at), code, err)
				}
				for _, sent := range a.sent {
					if (sent == "x") != (c.body != nil) {
						t.Errorf("an attempt sent %q", sent)
					}
				}
			})
		})
	}
}

// TestWaits compares the waits between attempts with what they may be.
func TestWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options client.Options
		first   answer
		min     []int // seconds
		max     []int
	}{
		"backoff doubles up to its maximum": {
			client.Options{MaxAttempts: 5, MinBackoff: 4 * time.Second, MaxBackoff: 10 * time.Second}, status(503),
			[]int{2, 4, 5, 5}, []int{4, 8, 10, 10},
		},
		"Retry-After in seconds": {
			client.Options{MaxAttempts: 3}, status(429, "Retry-After", "7"), []int{7, 7}, []int{7, 7},
		},
		"Retry-After as a date": {
			client.Options{MaxAttempts: 2, MinBackoff: time.Minute}, status(503, "Retry-After", "Sat, 01 Jan 2000 00:00:11 GMT"),
			[]int{10}, []int{10}, // A bubble's time begins with the year 2000, and an attempt takes a second.
		},
		"Retry-After in the past": {
			client.Options{MaxAttempts: 2, MinBackoff: time.Minute}, status(503, "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"),
			[]int{0}, []int{0},
		},
		"Retry-After: 0": {
			client.Options{MaxAttempts: 2, MinBackoff: time.Minute}, status(503, "Retry-After", "0"), []int{0}, []int{0},
		},
		"Retry-After that says nothing": {
			client.Options{MaxAttempts: 2, MinBackoff: 4 * time.Second}, status(503, "Retry-After", "-1"), []int{2}, []int{4},
		},
		"no attempt begins after MaxTime": {
			client.Options{MaxAttempts: 9, MaxTime: 10 * time.Second}, status(503, "Retry-After", "3"), []int{3, 3}, []int{3, 3},
		},
		"a wait beyond MaxTime is not begun": {
			client.Options{}, status(503, "Retry-After", "3600"), nil, nil,
		},
		"a wait beyond everything": {
			client.Options{}, status(503, "Retry-After", "18446744073709551615"), nil, nil,
		},
		"one attempt": {client.Options{MaxAttempts: 1}, status(503), nil, nil},
		"the default": {
			client.Options{}, failure(errReset), []int{0, 0, 0}, []int{1, 1, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &answers{list: []answer{c.first}}
				_, err := outcome(t, newClient(t, a, c.options), request(t, "GET", nil))
				if err == nil {
					t.Error("no error")
				}
				if len(a.at) != len(c.min)+1 {
					t.Fatalf("attempts at %v: %v", a.at, err)
				}
				for i := range c.min {
					wait := a.at[i+1] - a.at[i] - time.Second
					if wait < time.Duration(c.min[i])*time.Second || wait > time.Duration(c.max[i])*time.Second {
						t.Errorf("wait %d was %s", i+1, wait)
					}
				}
			})
		})
	}
}

func TestContextEndsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{list: []answer{status(503, "Retry-After", "30")}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		began := time.Now()
		code, err := outcome(t, newClient(t, a, client.Options{}), request(t, "GET", nil).WithContext(ctx))
		if !errors.Is(err, context.Canceled) || time.Since(began) != 5*time.Second || len(a.at) != 1 {
			t.Errorf("%d %v after %s and %d attempts", code, err, time.Since(began), len(a.at))
		}
	})
}

// A wait that the deadline would end tells at once what is known.
func TestDeadlineBeforeTheNextAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{list: []answer{status(503, "Retry-After", "30")}}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		code, err := outcome(t, newClient(t, a, client.Options{}), request(t, "GET", nil).WithContext(ctx))
		if code != 503 || time.Since(began) != time.Second {
			t.Errorf("%d %v after %s", code, err, time.Since(began))
		}
	})
}

func TestContextThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{list: []answer{status(200)}}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := outcome(t, newClient(t, a, client.Options{}), request(t, "GET", nil).WithContext(ctx)); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
