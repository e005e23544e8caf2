package main

import (
	"net/http"
	"testing"
)

// What decoders would let pass is refused before a handler runs, and a path may
// be spelled in any way that means it.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	for _, request := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/v1/providers", `{"kind":"aws","uid":"t"} xyz`, http.StatusBadRequest},
		{"POST", "/v1/providers", "{\"kind\":\"aws\",\"uid\":\"\xff\"}", http.StatusBadRequest},
		{"GET", "/v1/findings?search=%zz", "", http.StatusBadRequest},
		{"GET", "/v1/findings?search=a;limit=2", "", http.StatusBadRequest},
		{"GET", "/v1/%70roviders", "", http.StatusOK},
		{"GET", "/v1/check%73/no%20such%20check", "", http.StatusNotFound},
		{"POST", "/v1/%70roviders", `{"kind":"aws","uid":"123456789012"}` + "\n", http.StatusCreated},
	} {
		if status, body := c.send(t, 0, request.method, request.path, request.body); status != request.want {
			t.Errorf("%s %s: %d %s", request.method, request.path, status, body)
		}
	}
}
