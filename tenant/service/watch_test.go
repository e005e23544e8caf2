package service_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// Attack 32: an answer that is under way ends with its tenant, and with the tenant's
// credentials; others' go on.
func TestAnswersEndWithTheirTenant(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, configOf(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		body := rest.Stream(func(out io.Writer) error {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if _, err := io.WriteString(out, "{}\n"); err != nil {
					return err
				}
				if err := http.NewResponseController(w).Flush(); err != nil {
					return err
				}
			}
			return nil
		})
		if _, err := io.Copy(w, body); err != nil {
			rest.WriteError(w, r, err)
		}
	}))
	ctx, acme := t.Context(), catalog.Ref{Slug: "acme"}
	globex := stream(t, s, 1)
	for name, change := range map[string]func() error{
		"suspended": func() error {
			_, err := s.Catalog.Suspend(ctx, acme, "test")
			return err
		},
		"offboarded": func() error {
			_, err := s.Catalog.Offboard(ctx, acme, catalog.OffboardParams{Grace: time.Hour})
			return err
		},
		"offboarded and back": func() error {
			_, err := s.Catalog.Offboard(ctx, acme, catalog.OffboardParams{Grace: time.Hour})
			if err == nil {
				_, err = s.Catalog.Restore(ctx, acme)
			}
			return err
		},
	} {
		lines := stream(t, s, 0)
		if err := change(); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil {
			_, err = lines.ReadString('\n')
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
		_, _ = s.Catalog.Resume(ctx, acme) // Where it was that.
		_, _ = s.Catalog.Restore(ctx, acme)
		time.Sleep(time.Second) // A token says in seconds when it was issued.
	}
	for range 10 {
		if _, err := globex.ReadString('\n'); err != nil {
			t.Fatalf("another tenant: %v", err)
		}
	}
	if !strings.Contains(s.Log.String(), "the tenant was suspended or offboarded while the answer was written") {
		t.Errorf("the log: %s", s.Log.String())
	}
}

// stream opens an answer and reads its first line.
func stream(t *testing.T, s *servicetest.Service, i int) (lines *bufio.Reader) {
	t.Helper()
	eventually(t, "served", func() bool {
		res, err := s.Client().Do(s.Request(t, i, http.MethodGet, "/notes", ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		lines = bufio.NewReader(res.Body)
		return res.StatusCode == http.StatusOK
	})
	if line, err := lines.ReadString('\n'); err != nil || line != "{}\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return lines
}
