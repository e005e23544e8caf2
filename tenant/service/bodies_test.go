package service_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// bodiesDocument has an operation whose body is read before its handler runs, and
// one that leaves it to the handler.
const bodiesDocument = `
openapi: 3.0.3
info: {title: Bodies, version: "1"}
security: [{bearer: []}]
paths:
  /whole:
    post:
      operationId: whole
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
  /streamed:
    post:
      operationId: streamed
      requestBody: {content: {application/json-seq: {schema: {type: string, format: binary}}}}
      responses: {"200": {description: ok}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`

// Attacks 32 and 6: who sends a body slowly gets no further than the tenant, or than
// the own membership: nothing is done, and the answer is that of a new request.
func TestBodiesEndWithTheirTenant(t *testing.T) {
	t.Parallel()
	var done atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			rest.WriteError(w, r, errors.New("what a handler makes of it"))
			return
		}
		done.Add(1)
	}
	member := identity.Member{Subject: servicetest.Subject}
	l := &list{members: map[string]identity.Member{member.Subject: member}}
	cfg := configOf(nil)
	cfg.Members = l
	cfg.Handler = func(b service.Backend) (http.Handler, error) {
		return wrapText(b, bodiesDocument, http.HandlerFunc(handler))
	}
	s := servicetest.New(t, cfg)
	acme := catalog.Ref{Slug: "acme"}
	changes := map[string]func() error{
		"nothing": func() error { return nil },
		"suspended": func() error {
			_, err := s.Catalog.Suspend(t.Context(), acme, "test")
			return err
		},
		"removed": func() error {
			l.change(func() { delete(l.members, member.Subject) })
			return nil
		},
	}
	for path, media := range map[string]string{"/whole": "application/json", "/streamed": "application/json-seq"} {
		for name, change := range changes {
			u := upload(t, s, l, path, media)
			before := done.Load()
			if err := change(); err != nil {
				t.Fatal(err)
			}
			got, want := u.finish(), "403 Forbidden, 0 done"
			if name == "nothing" {
				want = "200 OK, 1 done"
			}
			if got := fmt.Sprintf("%s, %d done", got, done.Load()-before); got != want {
				t.Errorf("%s, %s: %s", path, name, got)
			}
			l.change(func() { l.members[member.Subject] = member })
			if name == "suspended" {
				if _, err := s.Catalog.Resume(t.Context(), acme); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// slow is a request whose body has only begun.
type slow struct {
	out    *io.PipeWriter
	answer chan string
}

// upload begins a request, and returns when it was let in.
func upload(t *testing.T, s *servicetest.Service, l *list, path, media string) slow {
	t.Helper()
	eventually(t, "served", func() bool {
		r := s.Request(t, 0, http.MethodPost, "/streamed", "x")
		r.Header.Set("Content-Type", "application/json-seq")
		res, err := s.Client().Do(r)
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	asked := l.count()
	body, out := io.Pipe()
	r := s.Request(t, 0, http.MethodPost, path, "")
	r.Body, r.ContentLength = body, -1
	r.Header.Set("Content-Type", media)
	u := slow{out, make(chan string, 1)}
	go func() {
		defer body.Close() // So that nobody waits to write.
		res, err := s.Client().Do(r)
		if err != nil {
			u.answer <- err.Error()
			return
		}
		u.answer <- res.Status
		_ = res.Body.Close()
	}()
	if _, err := out.Write([]byte("{")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "let in", func() bool { return l.count() > asked })
	return u
}

// finish sends the rest of the body, byte for byte, until there is an answer.
func (u slow) finish() string {
	for range 60 {
		if _, err := io.Copy(u.out, strings.NewReader(" ")); err != nil {
			return <-u.answer
		}
		time.Sleep(50 * time.Millisecond)
	}
	_, _ = u.out.Write([]byte("}"))
	_ = u.out.Close()
	return <-u.answer
}
