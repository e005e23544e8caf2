package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// AuditEntry is a row of the audit: what was done to a tenant, by whom.
type AuditEntry struct {
	// ID grows with each entry. Entries that were written at the same time may
	// appear in another order than that of their IDs.
	ID    int64     `json:"id"`
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	// Action is one of the constants ActionCreate to ActionPurge, or what
	// [Catalog.Note] was given.
	Action string `json:"action"`
	// TenantID is zero for what is about no single tenant.
	TenantID tenant.ID `json:"tenant_id,omitzero"`
	// Before and After are the tenant's [Record] as JSON. Nil where there is none.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Details are a JSON object.
	Details json.RawMessage `json:"details,omitempty"`
	// Run is the bulk run, if it was a part of one. See [WithRun].
	Run string `json:"run,omitempty"`
}

// AuditFilter says which entries are wanted. What is zero filters nothing.
type AuditFilter struct {
	// Tenant is whom the entries are about; a purged tenant has to be named by
	// its id.
	Tenant             Ref
	Action, Actor, Run string
	Since, Until       time.Time // Until itself is not included
	// Before is an entry's ID: only older ones are wanted. With it the audit is
	// read page by page.
	Before int64
	// Limit is at most how many entries are wanted. Zero means 100.
	Limit int
}

// defaultAudit is how many entries there are when nobody says how many.
const defaultAudit = 100

// Audit returns what was done to tenants, the latest first.
func (c *Catalog) Audit(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	sql, args, err := c.auditQuery(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, err := c.pool.Query(ctx, sql, args...)
	if err == nil {
		var all []AuditEntry
		if all, err = pgx.CollectRows(rows, scanAudit); err == nil {
			return all, nil
		}
	}
	return nil, wrap(notInstalled(err), "read the audit")
}

func (c *Catalog) auditQuery(ctx context.Context, f AuditFilter) (sql string, args []any, err error) {
	var where []string
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if !f.Tenant.ID.IsZero() {
		add("tenant_id = $%d::uuid", f.Tenant.ID.String())
	} else if f.Tenant.Slug != "" {
		r, err := c.Find(ctx, Ref{Slug: f.Tenant.Slug})
		if err != nil {
			return "", nil, err
		}
		add("tenant_id = $%d::uuid", r.ID.String())
	}
	for _, text := range []struct{ column, value string }{{"action", f.Action}, {"actor", f.Actor}, {"run", f.Run}} {
		if text.value != "" {
			add(text.column+" = $%d", text.value)
		}
	}
	if !f.Since.IsZero() {
		add("at >= $%d", f.Since)
	}
	if !f.Until.IsZero() {
		add("at < $%d", f.Until)
	}
	if f.Before != 0 {
		add("id < $%d", f.Before)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultAudit
	}
	sql = `SELECT id, at, actor, action, tenant_id::text, before::text, after::text, details::text, coalesce(run, '') FROM bailiwick.audit`
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql + fmt.Sprintf(" ORDER BY id DESC LIMIT %d", limit), args, nil
}

func scanAudit(row pgx.CollectableRow) (e AuditEntry, err error) {
	var id, before, after, details *string
	if err := row.Scan(&e.ID, &e.At, &e.Actor, &e.Action, &id, &before, &after, &details, &e.Run); err != nil {
		return e, err
	}
	e.At = e.At.UTC()
	for from, to := range map[*string]*json.RawMessage{before: &e.Before, after: &e.After, details: &e.Details} {
		if from != nil {
			*to = json.RawMessage(*from)
		}
	}
	if id != nil {
		e.TenantID, err = tenant.ParseID(*id)
	}
	return e, err
}

// Note writes to the audit what else was done to a tenant, or to all with the
// zero id, and tells the servers that the tenant has changed. It is part of the
// transaction. Details become JSON; nil is no details. They must hold nothing
// secret, and no personal data: the audit outlives the tenant.
func (c *Catalog) Note(ctx context.Context, tx pgx.Tx, action string, id tenant.ID, details any) error {
	entry := AuditEntry{Actor: c.actor(ctx), Run: runOf(ctx), Action: action, TenantID: id}
	var err error
	if details != nil {
		if entry.Details, err = json.Marshal(details); err != nil {
			return failf(tenant.CodeInvalid, "details of %s: %w", action, err)
		}
	}
	if err := insertAudit(ctx, tx, entry); err != nil {
		return wrap(notInstalled(err), "note "+action)
	}
	if id.IsZero() {
		return nil
	}
	return wrap(notify(ctx, tx, id), "note "+action)
}

func insertAudit(ctx context.Context, tx pgx.Tx, e AuditEntry) error {
	var id *string
	if !e.TenantID.IsZero() {
		text := e.TenantID.String()
		id = &text
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO bailiwick.audit (actor, action, tenant_id, before, after, details, run)
		VALUES ($1, $2, $3::text::uuid, nullif($4, '')::jsonb, nullif($5, '')::jsonb, coalesce(nullif($6, '')::jsonb, '{}'), nullif($7, ''))`,
		e.Actor, e.Action, id, string(e.Before), string(e.After), string(e.Details), e.Run)
	return err
}
