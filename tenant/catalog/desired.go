package catalog

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// The scopes of schemas.
const (
	ScopePublic = "public"
	ScopeTenant = "tenant"
)

// creationLock is the key of the advisory lock that Create shares, "bailitnt" in
// ASCII. Who changes the current schema holds it alone, so that each tenant is
// either made from what it is changed to, or is there already.
const creationLock = 0x6261696c69746e74

// Desired is a state that schemas of a scope are brought to.
type Desired struct {
	// Scope is ScopePublic or ScopeTenant.
	Scope string `json:"scope"`
	// Version names the SQL text. See [Version].
	Version string `json:"version"`
	// Fingerprint is of what the text makes, with the grants that come with it.
	Fingerprint string `json:"fingerprint"`
	// DDL is the SQL text.
	DDL string `json:"ddl"`
}

// Current returns the state that schemas of a scope are in when no rollout is
// under way; for tenants, what the next one is made from. There is none as long
// as no schema of the scope has been made.
func (c *Catalog) Current(ctx context.Context, scope string) (Desired, bool, error) {
	d, ok, err := current(ctx, c.pool, scope)
	if state := stateOf(err); state == undefinedTable || state == undefinedSchema {
		return Desired{}, false, nil
	}
	return d, ok, wrap(err, "read the current schema")
}

// SetCurrent makes a state the current one of its scope. Until the transaction
// ends no tenant is made, and those that are being made when it is called are
// there when it returns.
func SetCurrent(ctx context.Context, tx pgx.Tx, d Desired) error {
	if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock($1)", creationLock); err != nil {
		return wrap(err, "wait for tenants that are being made")
	}
	_, err := tx.Exec(ctx, "UPDATE bailiwick.schemas SET current = false WHERE scope = $1 AND current AND version <> $2", d.Scope, d.Version)
	if err == nil {
		_, err = tx.Exec(ctx, `
			INSERT INTO bailiwick.schemas (scope, version, fingerprint, ddl, current) VALUES ($1, $2, $3, $4, true)
			ON CONFLICT (scope, version) DO UPDATE SET fingerprint = excluded.fingerprint, ddl = excluded.ddl, current = true`,
			d.Scope, d.Version, d.Fingerprint, d.DDL)
	}
	if err == nil && d.Scope == ScopePublic {
		err = setMeta(ctx, tx, metaPublic, d.Version)
	}
	return wrap(err, "set the current schema")
}

// forCreate returns what a tenant is to be made from, and keeps it from changing
// until the transaction ends. The first tenant of all is made from the catalog's
// own text, which has no fingerprint yet; nobody else makes one meanwhile.
func (c *Catalog) forCreate(ctx context.Context, tx pgx.Tx) (Desired, error) {
	_, known, err := current(ctx, tx, ScopeTenant)
	if err != nil {
		return Desired{}, notInstalled(err)
	}
	lock := "SELECT pg_catalog.pg_advisory_xact_lock_shared($1)"
	if !known {
		lock = "SELECT pg_catalog.pg_advisory_xact_lock($1)"
	}
	if _, err := tx.Exec(ctx, lock, creationLock); err != nil {
		return Desired{}, err
	}
	d, known, err := current(ctx, tx, ScopeTenant)
	if err == nil && !known {
		d = Desired{Scope: ScopeTenant, Version: Version(c.config.Schema.Tenant), DDL: c.config.Schema.Tenant}
	}
	return d, err
}

// settle gives a first tenant its fingerprint, and makes its state the current one.
func settle(ctx context.Context, tx pgx.Tx, schema, id string, d Desired) (string, error) {
	if d.Fingerprint != "" {
		return d.Fingerprint, nil
	}
	state, err := fingerprint.OfTx(ctx, tx, schema)
	if err != nil {
		return "", err
	}
	d.Fingerprint = state.Fingerprint
	if err := SetCurrent(ctx, tx, d); err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, "UPDATE public.tenants SET schema_fingerprint = $1 WHERE id = $2", d.Fingerprint, id)
	return d.Fingerprint, err
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func current(ctx context.Context, q rowQuerier, scope string) (d Desired, ok bool, err error) {
	err = q.QueryRow(ctx, "SELECT scope, version, fingerprint, ddl FROM bailiwick.schemas WHERE scope = $1 AND current", scope).
		Scan(&d.Scope, &d.Version, &d.Fingerprint, &d.DDL)
	if errors.Is(err, pgx.ErrNoRows) {
		return Desired{}, false, nil
	}
	return d, err == nil, err
}
