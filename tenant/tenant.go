package tenant

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// ID is a tenant's immutable identity: the 16 bytes of a UUID. Schema and role
// are named from it, so renaming a tenant moves nothing. The zero ID is no tenant.
type ID [16]byte

// NewID returns a random (version 4) ID.
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // It never returns an error: without randomness the process ends.
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads the form that [ID.String] writes. It fails with CodeInvalid.
func ParseID(s string) (ID, error) {
	var id ID
	plain := strings.ReplaceAll(s, "-", "")
	if len(s) != 36 || len(plain) != 32 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, errorf(CodeInvalid, "", "tenant id %q is not a UUID", s)
	}
	if _, err := hex.Decode(id[:], []byte(plain)); err != nil {
		return ID{}, errorf(CodeInvalid, "", "tenant id %q is not a UUID", s)
	}
	return id, nil
}

// IsZero tells whether the ID names no tenant.
func (id ID) IsZero() bool { return id == ID{} }

// String gives the canonical lower-case form of a UUID.
func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// SchemaName is the name of the tenant's schema and of its role: "t_" and 32 hex digits.
func (id ID) SchemaName() string { return "t_" + hex.EncodeToString(id[:]) }

// Tenant is what a query must know of a tenant to be bound to it.
type Tenant struct {
	// ID is the immutable identity. A zero ID cannot be bound.
	ID ID
	// Slug is the human name that stands in host names. It is not used in SQL.
	Slug string
	// Version is the fingerprint of the tenant's schema. Cached statements are
	// kept apart by it. It must be printable ASCII without '*', '/' or '\'.
	Version string
	// Node names the database that holds the schema; empty means the only one.
	Node string
}

// Schema is the name of the tenant's schema, which is its role's name too.
func (t Tenant) Schema() string { return t.ID.SchemaName() }

func (t Tenant) validate() error {
	if t.ID.IsZero() {
		return errorf(CodeNoTenant, "", "no tenant: the id is zero")
	}
	for i := range len(t.Version) {
		if c := t.Version[i]; c <= ' ' || c > '~' || strings.IndexByte(`*/\`, c) >= 0 {
			return errorf(CodeInvalid, t.ID.String(), "schema version %q holds characters other than printable ASCII without '*', '/' and '\\'", t.Version)
		}
	}
	return nil
}

// QuoteIdent quotes an SQL identifier. It is the one place that does. A name
// with a NUL byte can't be quoted; PostgreSQL refuses the statement it stands in.
func QuoteIdent(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

type contextKey struct{}

// NewContext returns a context for work on behalf of t. A querier of any other
// tenant refuses to run with it.
func NewContext(ctx context.Context, t Tenant) context.Context {
	return context.WithValue(ctx, contextKey{}, &t)
}

// FromContext returns the tenant for which the context was made, if any.
func FromContext(ctx context.Context) (Tenant, bool) {
	if t, ok := ctx.Value(contextKey{}).(*Tenant); ok {
		return *t, true
	}
	return Tenant{}, false
}

// checkContext refuses a context that was made for another tenant.
func checkContext(ctx context.Context, id ID) error {
	if t, ok := ctx.Value(contextKey{}).(*Tenant); ok && t.ID != id {
		return errorf(CodeWrongTenant, id.String(), "the context belongs to tenant %s", t.ID)
	}
	return nil
}

func errorf(code Code, tenant, format string, args ...any) *Error {
	return &Error{Code: code, Tenant: tenant, Err: fmt.Errorf(format, args...)}
}
