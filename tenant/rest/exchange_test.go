package rest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestHeader is sent with an answer, however that begins, and not with an error.
func TestHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		want   string
	}{
		"nothing": {func(http.ResponseWriter, *http.Request) {}, "/x"},
		"status":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }, "/x"},
		"body": {func(w http.ResponseWriter, _ *http.Request) {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Error(err)
			}
		}, "/x"},
		"flush": {func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}, "/x"},
		"error": {func(w http.ResponseWriter, r *http.Request) { rest.WriteError(w, r, errors.New("failed")) }, ""},
		"panic": {func(http.ResponseWriter, *http.Request) { panic("failed") }, ""},
	} {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			rest.Header(r.Context()).Set("Location", "/x")
			c.answer(w, r)
		})
		if w := s.do(t, "GET", "/things", ""); w.Header().Get("Location") != c.want {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	rest.Header(t.Context()).Set("Location", "/nowhere")
}

// TestAtEnd runs after the handler, the last one first, whatever becomes of it.
func TestAtEnd(t *testing.T) {
	t.Parallel()
	for _, fail := range []bool{false, true} {
		var got []string
		s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
			rest.AtEnd(r.Context(), func() { got = append(got, "first") })
			rest.AtEnd(r.Context(), func() { got = append(got, "second") })
			got = append(got, "handler")
			if fail {
				panic("failed")
			}
		})
		s.do(t, "GET", "/things", "")
		if diff := cmp.Diff([]string{"handler", "second", "first"}, got); diff != "" {
			t.Errorf("fail %v: %s", fail, diff)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	rest.AtEnd(ctx, func() { close(ended) })
	cancel()
	<-ended
}
