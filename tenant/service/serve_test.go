package service_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/service"
)

// served is serve at work on a handler.
type served struct {
	addr   string
	cancel context.CancelFunc
	done   <-chan error
}

func newServed(t *testing.T, handler http.HandlerFunc, environ ...string) *served {
	t.Helper()
	s, err := service.ReadSettings(append([]string{"ADDR=127.0.0.1:0"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	addr, done, err := service.Serve(ctx, s, handler)
	if err != nil {
		t.Fatal(err)
	}
	return &served{addr: addr.String(), cancel: cancel, done: done}
}

func (v *served) get(t *testing.T) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+v.addr+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	return string(body), errors.Join(err, res.Body.Close())
}

func TestShutdownLetsRunningRequestsEnd(t *testing.T) {
	t.Parallel()
	running, finish := make(chan struct{}), make(chan struct{})
	v := newServed(t, func(w http.ResponseWriter, _ *http.Request) {
		close(running)
		<-finish
		if _, err := io.WriteString(w, "whole"); err != nil {
			t.Error(err)
		}
	})
	answer := make(chan string, 1)
	go func() {
		body, err := v.get(t)
		if err != nil {
			t.Error(err)
		}
		answer <- body
	}()
	<-running
	v.cancel()
	for { // Until the listener is closed, new connections may still be accepted.
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", v.addr)
		if err != nil {
			break
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-v.done:
		t.Fatalf("it did not wait for the request: %v", err)
	default:
	}
	close(finish)
	if body := <-answer; body != "whole" {
		t.Errorf("body %q", body)
	}
	if err := <-v.done; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestShutdownGivesUpAfterItsTimeout(t *testing.T) {
	t.Parallel()
	running := make(chan struct{})
	v := newServed(t, func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done()
	}, "SHUTDOWN_TIMEOUT=50ms")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", v.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-running
	v.cancel()
	if err := <-v.done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
}

func TestHeaderLimits(t *testing.T) {
	t.Parallel()
	v := newServed(t, func(http.ResponseWriter, *http.Request) {}, "READ_HEADER_TIMEOUT=200ms")
	for name, c := range map[string][2]string{
		"large":      {"GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
		"never ends": {"GET / HTTP/1.1\r\nHost: a\r\n", ""},
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", v.addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c[0]); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(line, c[1]) {
			t.Errorf("%s: %q", name, line)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	v := newServed(t, func(http.ResponseWriter, *http.Request) {})
	var out strings.Builder
	err := service.Run(t.Context(), service.Config{}, service.Process{Environ: []string{"ADDR=" + v.addr}, Stdout: &out, Stderr: &out})
	if err == nil || !strings.Contains(err.Error(), "ADDR") || !strings.Contains(err.Error(), "set PORT") || out.Len() > 0 {
		t.Errorf("%v, output %q", err, out.String())
	}
}
