package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// Cursor is the place in a list after which its next page begins: the sort
// key of the last row. Clients get it as an opaque text, signed so that nobody
// but the service makes one, and good for one operation and tenant alone.
type Cursor struct {
	values []json.RawMessage
}

// cursorPurpose is what the keyring signs cursors for.
const cursorPurpose = "cursor"

var errCursor = errors.New("not a cursor of this list")

// PageSize refuses a limit under which there would be no rows on a page.
func PageSize(f *Fields, place string, limit int64) int64 {
	if limit < 1 && len(f.errs) == 0 {
		f.Add(place, errors.New("must be at least 1"))
	}
	return limit
}

// ParseCursor reads a client's cursor of a list with that many sort keys. An
// absent or empty one gives the first page; one that this service did not sign
// for this operation and the context's tenant is refused.
func ParseCursor(ctx context.Context, f *Fields, operation string, keys int, text *string) Cursor {
	if text == nil || *text == "" {
		return Cursor{}
	}
	var c Cursor
	data, err := base64.RawURLEncoding.DecodeString(*text)
	// The decoder ignores ends of lines and the last bits: only our own spelling counts.
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != *text || len(data) < sha256.Size {
		f.Add("query.cursor", errCursor)
		return Cursor{}
	}
	mac, values := data[:sha256.Size], data[sha256.Size:]
	if !keysOf(ctx).Verify(cursorMessage(ctx, operation, values), mac, cursorPurpose) ||
		json.Unmarshal(values, &c.values) != nil || len(c.values) != keys {
		f.Add("query.cursor", errCursor)
		return Cursor{}
	}
	return c
}

// cursorMessage is what is signed: the values, after the operation and the
// tenant that they belong to, whose lengths keep them apart.
func cursorMessage(ctx context.Context, operation string, values []byte) []byte {
	owner := ""
	if t, ok := tenant.FromContext(ctx); ok {
		owner = t.ID.String()
	}
	return append(fmt.Appendf(nil, "%d %s %d %s ", len(operation), operation, len(owner), owner), values...)
}

// CursorValue converts the cursor's i-th key to the query's argument; absent
// on the first page.
func CursorValue[T, B any](f *Fields, c Cursor, i int, convert func(*T) (B, error)) B {
	var key *T
	if i < len(c.values) {
		key = new(T)
		if bytes.Equal(c.values[i], []byte("null")) || json.Unmarshal(c.values[i], key) != nil {
			f.Add("query.cursor", errCursor)
			key = nil
		}
	}
	return Take(f, "query.cursor", convert, key)
}

// NextPage cuts rows, of which one more than limit was asked for, to the limit,
// and gives the cursor of the page after them; nil when they are the last. key
// lists the sort key of a row. Operation and context are those of ParseCursor.
func NextPage[R any](ctx context.Context, f *Fields, operation string, rows []R, limit int64, key func(f *Fields, row R) []any) ([]R, *string) {
	if limit < 1 || int64(len(rows)) <= limit {
		return rows, nil
	}
	rows = rows[:limit]
	keys := key(f, rows[len(rows)-1])
	for i, v := range keys {
		if at, ok := v.(time.Time); ok {
			keys[i] = at.UTC() // The last hours of 9999 are another year on clocks further east.
		}
	}
	values, err := json.Marshal(keys)
	if err != nil {
		f.Add("next_cursor", fmt.Errorf("encode the cursor: %w", err))
		return rows, nil
	}
	mac := keysOf(ctx).Sign(cursorMessage(ctx, operation, values), cursorPurpose)
	text := base64.RawURLEncoding.EncodeToString(append(mac, values...))
	return rows, &text
}
