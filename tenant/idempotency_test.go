package tenant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// queries stands for a generated facade.
type queries struct{ q *tenant.Querier }

func (q queries) Querier() *tenant.Querier { return q.q }

func (q queries) InTx(ctx context.Context, opts tenant.TxOptions, fn func(context.Context, queries) error) error {
	return q.q.InTx(ctx, opts, func(ctx context.Context, tx *tenant.Querier) error { return fn(ctx, queries{tx}) })
}

const keysTable = `CREATE TABLE idempotency_keys (
	subject text NOT NULL, operation text NOT NULL, key text NOT NULL, fingerprint bytea NOT NULL,
	status integer, headers jsonb, body bytea, created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (subject, operation, key))`

// The conventions of package rest cost what the documentation says, counted on
// the wire: five round trips for one statement under an Idempotency-Key, three for
// a replay, four for one under If-Match, and one without these headers.
func TestConventionRoundTrips(t *testing.T) {
	t.Parallel()
	var w wire
	config := modes["named"]
	db := open(t, config)
	super, err := pgx.Connect(t.Context(), db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	schema := db.Tenants[0].Schema()
	if _, err := super.Exec(t.Context(), fmt.Sprintf("SET search_path = %[1]s; %[2]s; GRANT ALL ON idempotency_keys TO %[1]s", schema, keysTable)); err != nil {
		t.Fatal(err)
	}
	if err := super.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	config.URL, config.MaxConns = w.proxy(t, db.RuntimeURL), 1
	proxied, err := tenant.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxied.Close)
	q := queries{bind(t, proxied, db.Tenants[0])}
	ctx := rest.WithSubject(t.Context(), "alice")
	note := func(ctx context.Context, q queries) (string, error) {
		return one[string](ctx, q.q, "SELECT body FROM notes WHERE id = $1", int64(1))
	}
	once := func(key string) error {
		_, err := rest.Idempotent(ctx, q, rest.Once[string]{
			Operation: "note", Key: &key, Request: 1,
			Visit:  func(s string, w http.ResponseWriter) error { return json.NewEncoder(w).Encode(s) },
			Stored: func(rest.Stored) string { return "" },
		}, note)
		return err
	}
	matched := func(header *string) error {
		_, err := rest.Matched(ctx, q, header, func(ctx context.Context, q queries) (string, error) {
			body, err := note(ctx, q)
			if err != nil {
				return "", err
			}
			return body, rest.SetETag(ctx, body)
		}, note)
		return err
	}
	star := "*"
	for i, c := range []struct {
		what string
		work func() error
		want int
	}{
		{"the statements' types", func() error { return once("first") }, -1},
		{"under a key", func() error { return once("second") }, 5},
		{"replayed", func() error { return once("second") }, 3},
		{"under If-Match", func() error { return matched(&star) }, 4},
		{"without If-Match", func() error { return matched(nil) }, 1},
	} {
		w.reset()
		if err := c.work(); err != nil {
			t.Fatal(c.what, err)
		}
		if n := w.count(); i > 0 && n != c.want {
			t.Errorf("%s: %d round trips instead of %d", c.what, n, c.want)
		}
	}
}
