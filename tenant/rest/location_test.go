package rest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestSetLocation fills paths, and none that would lead elsewhere.
func TestSetLocation(t *testing.T) {
	t.Parallel()
	type word string
	for _, c := range []struct {
		path   string
		values []any
		want   string
	}{
		{"/things/{id}", []any{int64(9007199254740993)}, "/things/9007199254740993"},
		{"/a/{a}/things/{id}", []any{word("x y"), int32(-1)}, "/a/x%20y/things/-1"},
		{"/things/{id}", []any{uuid.MustParse("6b1a0b3e-5f0c-4c0a-9a53-7f6f0c4a1d11")}, "/things/6b1a0b3e-5f0c-4c0a-9a53-7f6f0c4a1d11"},
		{"/things/{id}", []any{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)}, "/things/2026-01-02T03:04:05.000006Z"},
		{"/things/{id}", []any{`a/b?c#d%e<"é`}, "/things/a%2Fb%3Fc%23d%25e%3C%22%C3%A9"},
		{"/things/{id}", []any{"{id}"}, "/things/%7Bid%7D"},
		{"/things/{id}", []any{"line\r\nX-Evil: 1"}, "/things/line%0D%0AX-Evil:%201"},
		{"/things/{id}", []any{"//evil.example"}, "/things/%2F%2Fevil.example"},
		{"/things/{id}", []any{""}, ""},
		{"/things/{id}", []any{"."}, ""},
		{"/a/{a}/things/{id}", []any{"..", 1}, ""},
	} {
		s := newService(t, func(w http.ResponseWriter, r *http.Request) {
			if err := rest.SetLocation(r.Context(), c.path, c.values...); err != nil {
				t.Errorf("%s with %v: %v", c.path, c.values, err)
			}
			w.WriteHeader(http.StatusCreated)
		})
		if got := s.do(t, "GET", "/things", "").Header().Get("Location"); got != c.want {
			t.Errorf("%s with %v: %q instead of %q", c.path, c.values, got, c.want)
		}
	}
	for _, v := range []any{nil, true, []int{1}, map[string]int{}, func() {}} {
		if err := rest.SetLocation(t.Context(), "/things/{id}", v); err == nil {
			t.Errorf("%v fills a path", v)
		}
	}
}
