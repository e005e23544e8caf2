package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Cursor is the place in a list after which its next page begins: the sort
// key of the last row. Clients get it as an opaque text.
type Cursor struct {
	values []json.RawMessage
}

// cursorText is what the opaque text holds. It names the operation, so that a
// cursor of one list is refused by another.
type cursorText struct {
	Operation string            `json:"o"`
	Values    []json.RawMessage `json:"v"`
}

var errCursor = errors.New("not a cursor of this list")

// PageSize refuses a limit under which there would be no rows on a page.
func PageSize(f *Fields, place string, limit int64) int64 {
	if limit < 1 && len(f.errs) == 0 {
		f.Add(place, errors.New("must be at least 1"))
	}
	return limit
}

// ParseCursor reads a client's cursor. An absent or empty one gives the first page.
func ParseCursor(f *Fields, operation string, keys int, text *string) Cursor {
	if text == nil || *text == "" {
		return Cursor{}
	}
	data, err := base64.RawURLEncoding.DecodeString(*text)
	if err != nil {
		f.Add("query.cursor", errCursor)
		return Cursor{}
	}
	var c cursorText
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil || c.Operation != operation || len(c.Values) != keys {
		f.Add("query.cursor", errCursor)
		return Cursor{}
	}
	return Cursor{values: c.Values}
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
// lists the sort key of a row.
func NextPage[R any](f *Fields, operation string, rows []R, limit int64, key func(f *Fields, row R) []any) ([]R, *string) {
	if limit < 1 || int64(len(rows)) <= limit {
		return rows, nil
	}
	rows = rows[:limit]
	c := cursorText{Operation: operation}
	for _, v := range key(f, rows[len(rows)-1]) {
		if at, ok := v.(time.Time); ok {
			v = at.UTC() // The last hours of 9999 are another year on clocks further east.
		}
		data, err := json.Marshal(v)
		if err != nil {
			f.Add("next_cursor", fmt.Errorf("encode the cursor: %w", err))
			return rows, nil
		}
		c.Values = append(c.Values, data)
	}
	data, err := json.Marshal(c)
	if err != nil {
		f.Add("next_cursor", fmt.Errorf("encode the cursor: %w", err))
		return rows, nil
	}
	text := base64.RawURLEncoding.EncodeToString(data)
	return rows, &text
}
