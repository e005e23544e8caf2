package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask sends a request with headers through the real service.
func (c *configured) ask(t *testing.T, tenant int, method, path, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.Tenants[tenant].Slug+".app.example"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token(t, tenant))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, pair := range header {
		name, value, _ := strings.Cut(pair, ": ")
		r.Header.Set(name, value)
	}
	res, err := c.client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(answer)
}

// Attack 28: a key of one tenant is as new as any at another, and tells nothing.
func TestAttack28IdempotencyKeyOfAnotherTenant(t *testing.T) {
	t.Parallel()
	s := newConfigured(t)
	const key = "Idempotency-Key: 5b0a1fd2-9e5c-4c0e-a7f5-0b3d8f1b8a55"
	create := func(tenant int, alias string) (int, http.Header, string) {
		return s.ask(t, tenant, "POST", "/v1/providers", `{"kind": "aws", "uid": "123456789012", "alias": "`+alias+`"}`, key)
	}
	status, _, first := create(0, "of acme")
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, first)
	}
	status, header, other := create(1, "of acme")
	if status != http.StatusCreated || header.Get("Idempotency-Replayed") != "" || property(t, other, "id") == property(t, first, "id") {
		t.Errorf("at the other tenant: %d %v %s", status, header, other)
	}
	status, header, again := create(0, "of acme")
	if status != http.StatusCreated || header.Get("Idempotency-Replayed") != "true" || again != first {
		t.Errorf("again: %d %v %s", status, header, again)
	}
	if status, _, answer := create(0, "another"); status != http.StatusConflict || !strings.Contains(answer, "idempotency-key-reused") {
		t.Errorf("another request: %d %s", status, answer)
	}
}

// A provider is changed and deleted only by who knows how it stands.
func TestProviderETag(t *testing.T) {
	t.Parallel()
	s := newConfigured(t)
	status, header, created := s.ask(t, 0, "POST", "/v1/providers", `{"kind": "aws", "uid": "123456789012"}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, created)
	}
	path, tag := header.Get("Location"), header.Get("ETag")
	if path != "/v1/providers/"+property(t, created, "id") {
		t.Errorf("Location %q", path)
	}
	for _, step := range []struct {
		method, body, header string
		want                 int
	}{
		{"GET", "", "If-None-Match: " + tag, http.StatusNotModified},
		{"PATCH", `{"alias": "x"}`, `If-Match: "other"`, http.StatusPreconditionFailed},
		{"PATCH", `{"alias": "x"}`, "If-Match: " + tag, http.StatusOK},
		{"GET", "", "If-None-Match: " + tag, http.StatusOK},
		{"DELETE", "", "If-Match: " + tag, http.StatusPreconditionFailed},
		{"DELETE", "", "If-Match: *", http.StatusNoContent},
		{"DELETE", "", "If-Match: *", http.StatusNotFound},
	} {
		headers := []string{step.header}
		if step.method == http.MethodPatch {
			headers = append(headers, "Content-Type: application/merge-patch+json")
		}
		status, header, answer := s.ask(t, 0, step.method, path, step.body, headers...)
		if status != step.want {
			t.Errorf("%s with %s: %d instead of %d: %s", step.method, step.header, status, step.want, answer)
		}
		if status == http.StatusOK && header.Get("ETag") == tag {
			t.Errorf("%s: the ETag is still %s", step.method, tag)
		}
	}
}
