package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

const (
	maxKey   = 255
	maxEmail = 254
)

// UnfitError is why the registry does not take what a tenant was to be. It comes as
// the cause of a *tenant.Error: of CodeConflict when the slug is another tenant's or
// looks like that, and else of CodeInvalid. The same again fails again, which the same
// codes do not say by themselves: a tenant's seed can fail with them too.
type UnfitError struct {
	// Err says what it is.
	Err error
}

// Error implements error.
func (e *UnfitError) Error() string { return e.Err.Error() }

// Unwrap gives the cause, such as a *pgconn.PgError.
func (e *UnfitError) Unwrap() error { return e.Err }

// unfit is an UnfitError with its code.
func unfit(code tenant.Code, format string, args ...any) error {
	return &tenant.Error{Code: code, Err: &UnfitError{Err: fmt.Errorf(format, args...)}}
}

// check refuses what can be refused without a look at the database.
func (p CreateParams) check() error {
	if _, err := tenant.ParseNewSlug(p.Slug); err != nil {
		return unfit(tenant.CodeInvalid, "%w", errors.Unwrap(err))
	}
	if len(p.Key) > maxKey {
		return failf(tenant.CodeInvalid, "an idempotency key of %d bytes; at most %d are allowed", len(p.Key), maxKey)
	}
	if err := errors.Join(checkText("name", p.Name), checkText("plan", p.Plan), checkText("idempotency key", p.Key)); err != nil {
		return unfit(tenant.CodeInvalid, "%w", err)
	}
	if p.OwnerEmail == "" {
		return nil
	}
	address, err := mail.ParseAddress(p.OwnerEmail)
	if err != nil || address.Address != p.OwnerEmail || len(p.OwnerEmail) > maxEmail {
		return unfit(tenant.CodeInvalid, "%q is no e-mail address: give it alone, such as ann@acme.example", p.OwnerEmail)
	}
	return nil
}

// checkText refuses what would break the lines of a log, a list or a mail.
func checkText(what, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return failf(tenant.CodeInvalid, "the %s %q has control characters, such as a line's end, or is not UTF-8", what, text)
	}
	return nil
}

// hash tells apart what was asked for under a key. It is empty without one.
func (p CreateParams) hash() string {
	if p.Key == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{p.Slug, p.Name, p.Plan, p.OwnerEmail}))
	return hex.EncodeToString(sum[:])
}

// madeBefore finds the tenant that was made with the key.
func (c *Catalog) madeBefore(ctx context.Context, p CreateParams) (t tenant.Tenant, found bool, err error) {
	if p.Key == "" {
		return t, false, nil
	}
	var id, hash string
	err = c.pool.QueryRow(ctx, "SELECT tenant_id::text, coalesce(request_hash, '') FROM bailiwick.tenants WHERE request_key = $1", p.Key).Scan(&id, &hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, err
	}
	if hash != p.hash() {
		return t, true, failf(tenant.CodeConflict, "the idempotency key was used for another request: %s", p.Key)
	}
	r, err := readRecord(ctx, c.pool, "t.id = $1::uuid", id)
	if err == nil && r.State == StatePurged {
		err = failf(tenant.CodeConflict, "the tenant that was made with the idempotency key has been purged: %s", p.Key)
	}
	return r.Tenant(), true, err
}
