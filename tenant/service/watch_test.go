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
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/service"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// endless writes lines for a minute.
func endless(w http.ResponseWriter, r *http.Request) {
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
}

// Attack 32: an answer that is under way ends with its tenant, and with the tenant's
// credentials; others' go on.
func TestAnswersEndWithTheirTenant(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, configOf(endless))
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
		isCut(t, name, lines)
		_, _ = s.Catalog.Resume(ctx, acme) // Where it was that.
		_, _ = s.Catalog.Restore(ctx, acme)
		time.Sleep(time.Second) // A token says in seconds when it was issued.
	}
	for range 10 {
		if _, err := globex.ReadString('\n'); err != nil {
			t.Fatalf("another tenant: %v", err)
		}
	}
	if !strings.Contains(s.Log.String(), "the tenant was suspended or offboarded while the request was under way") {
		t.Errorf("the log: %s", s.Log.String())
	}
}

// Attack 6: an answer that is under way ends when its reader may not have it any more.
// That the tenant can't be asked ends nothing.
func TestAnswersEndWithTheirMember(t *testing.T) {
	t.Parallel()
	secret := keyring.Generate("k1")
	ring, err := keyring.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	l := &list{}
	cfg := configOf(nil)
	cfg.Members = l
	cfg.Handler = func(b service.Backend) (http.Handler, error) {
		return wrapText(b, strings.NewReplacer(
			"security: [{bearer: []}]", "security: [{bearer: [], permissions: [read]}]",
			"scheme: bearer}", "scheme: bearer}, permissions: {type: openIdConnect, openIdConnectUrl: 'https://id.example', x-scopes: {read: Read.}}",
		).Replace(notesDocument), http.HandlerFunc(endless))
	}
	s := servicetest.New(t, cfg, "SECRET_KEYS="+secret)
	key := identity.NewAPIKey(ring, s.Tenants[0].ID)
	reader := identity.Member{Subject: servicetest.Subject, Scopes: []string{"read"}}
	l.members = map[string]identity.Member{reader.Subject: reader}
	l.keys = map[string]identity.Key{key.Prefix: {Member: reader, Hash: key.Hash(ring), CreatedAt: time.Now(), LastUsed: time.Now()}}

	goesOn := streamAs(t, s, 0, s.Token(t, 0))
	asked := 0
	l.change(func() { l.fail, asked = errors.New("no answer"), l.asked })
	eventually(t, "asked in vain", func() bool {
		if _, err := goesOn.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.asked > asked+1
	})
	l.change(func() { l.fail = nil })

	byKey := streamAs(t, s, 0, key.String())
	l.change(func() { delete(l.keys, key.Prefix) })
	isCut(t, "a key that is revoked", byKey)
	for name, change := range map[string]func(){
		"a member who is removed":         func() { delete(l.members, reader.Subject) },
		"a member who loses a permission": func() { l.members[reader.Subject] = identity.Member{Subject: reader.Subject} },
	} {
		l.change(func() { l.members[reader.Subject] = reader })
		lines := streamAs(t, s, 0, s.Token(t, 0))
		l.change(change)
		isCut(t, name, lines)
	}
	if !strings.Contains(s.Log.String(), "the caller was removed, or lost a key or a permission, while the request was under way") {
		t.Errorf("the log: %s", s.Log.String())
	}
}

// isCut reads an answer until its connection is cut.
func isCut(t *testing.T, name string, lines *bufio.Reader) {
	t.Helper()
	var err error
	for err == nil {
		_, err = lines.ReadString('\n')
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%s: %v", name, err)
	}
}

// stream opens an answer and reads its first line.
func stream(t *testing.T, s *servicetest.Service, i int) *bufio.Reader {
	t.Helper()
	return streamAs(t, s, i, "")
}

// streamAs is stream with a credential; without one a new token is shown each time.
func streamAs(t *testing.T, s *servicetest.Service, i int, credential string) (lines *bufio.Reader) {
	t.Helper()
	eventually(t, "served", func() bool {
		r := s.Request(t, i, http.MethodGet, "/notes", "")
		if credential != "" {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		res, err := s.Client().Do(r)
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
