package rest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// A long answer ends once its reader may not have it any more, also when the
// handler does not mind that it can't write; a short one is not looked at.
func TestRecheck(t *testing.T) {
	t.Parallel()
	const document = `{openapi: 3.0.3, info: {title: t, version: "1"}, paths: {/lines: {get: {operationId: lines, security: [], responses: {"200": {description: lines}}}}}}`
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	var refused atomic.Bool
	var asked atomic.Int64
	var short, careless atomic.Bool
	h, err := rest.Wrap(doc, rest.Options{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			rest.Recheck(r.Context(), func() error {
				asked.Add(1)
				if refused.Load() {
					return errors.New("no more")
				}
				return nil
			})
			return r.Context(), nil
		},
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		send(w, r, rest.Stream(func(out io.Writer) error {
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if _, err := io.WriteString(out, "{}\n"); err != nil && careless.Load() {
					return nil
				} else if err != nil {
					return err
				}
				if short.Load() {
					return nil
				}
				if asked.Load() > 1 {
					refused.Store(true)
				}
			}
			t.Error("the stream came to its own end")
			return nil
		}))
	}))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	read := func() (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/lines", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(res.Body)
		return string(body), errors.Join(err, res.Body.Close())
	}
	for _, c := range []bool{false, true} {
		careless.Store(c)
		refused.Store(false)
		asked.Store(0)
		if body, err := read(); err == nil || !refused.Load() {
			t.Errorf("careless %t: %d bytes, %v", c, len(body), err)
		}
	}
	short.Store(true)
	asked.Store(0)
	if body, err := read(); err != nil || body != "{}\n" || asked.Load() != 0 {
		t.Errorf("a short answer: %q, %v, asked %d times", body, err, asked.Load())
	}
}

// What was found while the body came in is the answer, whatever the handler makes of
// it; and what is held of a body is not worked off once the client may not go on.
func TestRecheckOfBodies(t *testing.T) {
	t.Parallel()
	var refused atomic.Bool
	check := func() error {
		if refused.Load() {
			return rest.Errorf(http.StatusForbidden, "no more")
		}
		return nil
	}
	for name, handler := range map[string]http.HandlerFunc{
		"read": func(w http.ResponseWriter, r *http.Request) {
			refused.Store(true)
			_, err := io.ReadAll(r.Body)
			rest.WriteError(w, r, rest.Errorf(http.StatusConflict, "%w", err))
		},
		"held": func(w http.ResponseWriter, r *http.Request) {
			held, err := rest.Spool(r.Context(), r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			refused.Store(true)
			time.Sleep(300 * time.Millisecond)
			n, err := io.Copy(io.Discard, held)
			if n > 0 || err == nil {
				t.Errorf("read %d bytes, %v", n, err)
			}
			rest.WriteError(w, r, err)
		},
	} {
		refused.Store(false)
		h, err := rest.Wrap(load(t, streams), rest.Options{
			Logger: quiet,
			Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
				rest.Recheck(r.Context(), check)
				return r.Context(), nil
			},
		}, handler)
		if err != nil {
			t.Fatal(err)
		}
		late := io.MultiReader(strings.NewReader("{"), readerFunc(func(p []byte) (int, error) {
			if name == "read" {
				time.Sleep(300 * time.Millisecond)
			}
			return copy(p, "}"), io.EOF
		}))
		w := post(t, h, "/lines", ndjson, late)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "no more") || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
