package rest_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// spooled has bodies taken in by Spool, and answers with what was read from it.
func spooled(t *testing.T) http.Handler {
	t.Helper()
	return wrap(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := rest.Spool(r.Context(), r.Body)
		if err != nil {
			rest.WriteError(w, r, err)
			return
		}
		if _, err := io.Copy(w, body); err != nil {
			rest.WriteError(w, r, err)
		}
	})
}

// What does not fit into memory goes to a file, of which nothing is left.
func TestSpool(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	h := spooled(t)
	random := rand.NewChaCha8([32]byte{})
	for _, size := range []int64{0, 1, 100_000, 4 << 20, 20 << 20} { // Random bytes do not shrink.
		var sent strings.Builder
		if _, err := io.CopyN(&sent, random, size); err != nil {
			t.Fatal(err)
		}
		if w := post(t, h, "/lines", ndjson, strings.NewReader(sent.String())); w.Code != http.StatusOK || w.Body.String() != sent.String() {
			t.Errorf("%d bytes: status %d and %d bytes, want the same again", size, w.Code, w.Body.Len())
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%d bytes: left over: %v, %v", size, left, err)
		}
	}
}

func TestSpoolRefusals(t *testing.T) {
	t.Parallel()
	h := spooled(t)
	if w := post(t, h, "/small", "application/octet-stream", io.MultiReader(strings.NewReader("12345678901"))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: status %d", w.Code)
	}
	cut := io.MultiReader(strings.NewReader("{}\n{"), iotest.ErrReader(errors.New("cut")))
	if w := post(t, h, "/lines", ndjson, cut); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "can't be read to its end") {
		t.Errorf("broken off: status %d: %s", w.Code, w.Body)
	}
}

// That the server has no place is nothing that the client did.
func TestSpoolWithoutAFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/absent")
	w := post(t, spooled(t), "/lines", ndjson, io.LimitReader(rand.NewChaCha8([32]byte{}), 8<<20))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
}

// Attack 38: what is spooled takes no more room than there is for all, and of one
// tenant no more than a quarter of it, however many send at a time. What was held is
// given back with the answer, also when the body breaks off.
func TestSpoolIsBounded(t *testing.T) {
	t.Parallel()
	const room = 80_000
	tenants := []tenant.Tenant{{ID: tenant.NewID()}, {ID: tenant.NewID()}, {ID: tenant.NewID()}, {ID: tenant.NewID()}, {ID: tenant.NewID()}}
	taken := make(chan int)
	answer := make(chan struct{})
	h, err := rest.Wrap(load(t, streams), rest.Options{Logger: quiet, MaxSpooled: room}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of, err := strconv.Atoi(r.Header.Get("Of"))
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := rest.Spool(tenant.NewContext(r.Context(), tenants[of]), r.Body); err != nil {
			rest.WriteError(w, r, err)
			return
		}
		taken <- of
		<-answer
	}))
	if err != nil {
		t.Fatal(err)
	}
	send := func(of int, body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/lines", body)
		r.Header.Set("Content-Type", ndjson)
		r.Header.Set("Of", strconv.Itoa(of))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	random := func(n int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{}), n) } // It does not shrink.
	var held sync.WaitGroup
	hold := func(of int, n int64) {
		held.Go(func() {
			if w := send(of, random(n)); w.Code != http.StatusOK {
				t.Errorf("tenant %d: status %d, want 200: %s", of, w.Code, w.Body)
			}
		})
		<-taken
	}
	refused := func(of, status int, body io.Reader) {
		t.Helper()
		w := send(of, body)
		if w.Code != status || (status != http.StatusBadRequest) != (w.Header().Get("Retry-After") == "5") {
			t.Errorf("tenant %d: status %d, want %d: %v %s", of, w.Code, status, w.Header(), w.Body)
		}
	}
	for range 2 {
		hold(0, 15_000)
		refused(0, http.StatusTooManyRequests, random(15_000))
		refused(0, http.StatusBadRequest, io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(errors.New("cut"))))
		for of := range 3 {
			hold(of+1, 18_000)
		}
		refused(4, http.StatusServiceUnavailable, random(15_000))
		hold(4, 5_000)
		for range 5 {
			answer <- struct{}{}
		}
		held.Wait()
	}
}
