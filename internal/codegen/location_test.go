package codegen_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	location "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/location/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestLocation follows the Location of what was created, however it is named.
func TestLocation(t *testing.T) {
	t.Parallel()
	const shelf = "6b1a0b3e-5f0c-4c0a-9a53-7f6f0c4a1d11"
	s := serve(t, "location", `INSERT INTO shelves VALUES ('`+shelf+`', 'a')`, func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return location.New(location.Config{DB: db, Options: o})
	})
	for _, c := range []struct{ path, body, want string }{
		{"/words", `{"word": "plain", "meaning": ""}`, "/words/plain"},
		{"/words", `{"word": "a/b c?d#e%2F", "meaning": ""}`, "/words/a%2Fb%20c%3Fd%23e%252F"},
		{"/words", `{"word": "größer", "meaning": ""}`, "/words/gr%C3%B6%C3%9Fer"},
		{"/words", `{"word": "//example.com", "meaning": ""}`, "/words/%2F%2Fexample.com"},
		{"/shelves/" + shelf + "/books", `{"number": 7, "title": "x"}`, "/shelves/" + shelf + "/books/7"},
		{"/shelves/" + shelf + "/loans", `{"reader": "x"}`, "/loans/1"},
	} {
		answer, created := s.send(t, http.MethodPost, c.path, c.body, nil)
		got := answer.Header.Get("Location")
		if answer.StatusCode != http.StatusCreated || got != c.want {
			t.Errorf("POST %s %s: %d with Location %q instead of %q: %s", c.path, c.body, answer.StatusCode, got, c.want, created)
			continue
		}
		s.want(t, http.MethodGet, got, "", http.StatusOK, created)
	}
	for _, word := range []string{"", ".", ".."} {
		answer, body := s.send(t, http.MethodPost, "/words", `{"word": "`+word+`", "meaning": ""}`, nil)
		if values, sent := answer.Header["Location"]; sent || answer.StatusCode != http.StatusCreated {
			t.Errorf("word %q: %d with Location %v: %s", word, answer.StatusCode, values, body)
		}
	}
}

// TestLocationReplayed gives a Location once more with the answer that is kept,
// and none with an error.
func TestLocationReplayed(t *testing.T) {
	t.Parallel()
	s := serve(t, "location", "", func(db *tenant.DB, o rest.Options) (http.Handler, error) {
		return location.New(location.Config{DB: db, Options: o})
	})
	key := http.Header{"Idempotency-Key": {"one"}}
	first, created := s.send(t, http.MethodPost, "/shelves", `{"name": "a"}`, key)
	again, replayed := s.send(t, http.MethodPost, "/shelves", `{"name": "a"}`, key)
	if again.Header.Get("Idempotency-Replayed") != "true" || created != replayed {
		t.Errorf("replay: %v %s", again.Header, replayed)
	}
	var shelf struct{ ID string }
	check(t, json.Unmarshal([]byte(created), &shelf))
	for _, a := range []answer{first, again} {
		if diff := cmp.Diff([]string{"/shelves/" + shelf.ID}, a.Header["Location"]); diff != "" {
			t.Errorf("Location (-want +got):\n%s", diff)
		}
	}
	s.want(t, http.MethodGet, first.Header.Get("Location"), "", http.StatusOK, created)
	book := `{"number": 7, "title": "x"}`
	answer, body := s.send(t, http.MethodPost, "/shelves/6b1a0b3e-5f0c-4c0a-9a53-7f6f0c4a1d11/books", book, http.Header{"Idempotency-Key": {"two"}})
	if values, sent := answer.Header["Location"]; sent || answer.StatusCode != http.StatusConflict {
		t.Errorf("a shelf that is not there: %d with Location %v: %s", answer.StatusCode, values, body)
	}
}
