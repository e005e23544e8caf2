package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/service/servicetest"
)

// openSecret is what a scanner does with what is stored.
func openSecret(t *testing.T, keys *keyring.Keyring, q *tenantdb.Queries, of tenant.ID, provider uuid.UUID) (map[string]any, error) {
	t.Helper()
	stored, err := q.OpenProviderSecret(t.Context(), provider)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(stored.Sealed), "hunter2") {
		t.Error("the credentials are stored as they are")
	}
	text, err := keys.Open(stored.KeyID, stored.Sealed, secretContext(of, provider)...)
	if err != nil {
		return nil, err
	}
	var credentials map[string]any
	return credentials, json.Unmarshal(text, &credentials)
}

func TestSecretsOpenWhereTheyBelong(t *testing.T) {
	t.Parallel()
	db, tenants := newDemoTenants(t, "initech", "hooli")
	a, b := bind(t, db, tenants[0]), bind(t, db, tenants[1])
	provider := func(q *tenantdb.Queries) uuid.UUID {
		all, err := q.ListProviders(t.Context(), tenantdb.ListProvidersParams{PageLimit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return all[0].ID
	}
	put := func(keys *keyring.Keyring, i int, q *tenantdb.Queries, id uuid.UUID) error {
		_, err := newCustom(keys, nil).PutProviderSecret(tenant.NewContext(t.Context(), tenants[i]), q, api.PutProviderSecretRequestObject{
			ProviderId: id, Body: &api.NewProviderSecret{Kind: api.SecretKind(tenantdb.SecretKindStatic), Credentials: &map[string]any{"password": "hunter2"}},
		})
		return err
	}
	ofA, ofB := provider(a), provider(b)
	if err := errors.Join(put(demoKeys, 0, a, ofA), put(demoKeys, 1, b, ofB)); err != nil {
		t.Fatal(err)
	}
	if err := put(demoKeys, 0, a, ofB); status(err) != http.StatusNotFound {
		t.Errorf("the secret of another tenant's provider: %v", err)
	}
	got, err := openSecret(t, demoKeys, a, tenants[0].ID, ofA)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"password": "hunter2"}, got); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	// Attack: B's row is copied into A, at B's own id and at A's.
	execOwner(t, db, "INSERT INTO "+tenants[0].Schema()+".providers (id, kind, uid) VALUES ($1, 'aws', 'copied')", ofB)
	for _, at := range []uuid.UUID{ofA, ofB} {
		execOwner(t, db, "DELETE FROM "+tenants[0].Schema()+".provider_secrets")
		execOwner(t, db, "INSERT INTO "+tenants[0].Schema()+".provider_secrets SELECT $1, kind::text::"+tenants[0].Schema()+".secret_kind, name, sealed, key_id, rotated_at, created_at FROM "+
			tenants[1].Schema()+".provider_secrets", at)
		if got, err := openSecret(t, demoKeys, a, tenants[0].ID, at); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("a secret of another tenant opens: %v, %v", got, err)
		}
	}
	// Put again it is sealed with the current key, and a ring without the old
	// one opens it.
	rotated, err := keyring.Parse(keyring.Generate("k2"))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(rotated, 1, b, ofB); err != nil {
		t.Fatal(err)
	}
	if _, err := openSecret(t, rotated, b, tenants[1].ID, ofB); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
}

// Neither answers nor the log tell what the credentials are, whatever is wrong.
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, config())
	_, created := s.Send(t, 0, http.MethodPost, "/v1/providers", `{"kind":"aws","uid":"123456789012"}`)
	path := "/v1/providers/" + property(t, created, "id") + "/secret"
	for body, want := range map[string]int{
		`{"kind":"static","credentials":{"password":"hunter2"}}`:                                            http.StatusOK,
		`{"kind":"hunter2","credentials":{"password":"hunter2"}}`:                                           http.StatusUnprocessableEntity,
		`{"kind":"static","credentials":"hunter2"}`:                                                         http.StatusUnprocessableEntity,
		`{"kind":"static","credentials":{"password":"hunter2` + strings.Repeat("x", maxCredentials) + `"}}`: http.StatusUnprocessableEntity,
		`{"kind":"static","credentials":{"password":"hunter2"`:                                              http.StatusBadRequest,
	} {
		if status, answer := s.Send(t, 0, http.MethodPut, path, body); status != want || strings.Contains(answer, "hunter2") {
			t.Errorf("%.60s: %d %s", body, status, answer)
		}
	}
	if status, answer := s.Send(t, 0, http.MethodGet, path, ""); status != http.StatusOK || strings.Contains(answer, "hunter2") {
		t.Errorf("the secret: %d %s", status, answer)
	}
	if strings.Contains(s.Log.String(), "hunter2") {
		t.Error("the log tells the credentials")
	}
}
