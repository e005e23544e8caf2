package rest_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"

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
