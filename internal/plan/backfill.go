package plan

import (
	"encoding/json"
	"fmt"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// KeyQuery asks, in one value, for what there is to know of a backfill's key in a
// schema; [Step.KeyType] reads the answer.
func (s Step) KeyQuery(schema string) string {
	table := literal(tenant.QuoteIdent(schema) + "." + tenant.QuoteIdent(s.Table))
	return fmt.Sprintf(`SELECT coalesce((
		SELECT pg_catalog.jsonb_build_object(
			'type', pg_catalog.format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
			'unique', EXISTS (
				SELECT FROM pg_catalog.pg_index AS i
				WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate
				  AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND i.indpred IS NULL))
		FROM pg_catalog.pg_attribute AS a
		WHERE a.attrelid = pg_catalog.to_regclass(%s) AND a.attname = %s AND a.attnum > 0 AND NOT a.attisdropped), '{}')::text`,
		table, literal(s.Key))
}

// KeyType is the type of the key's column. A column that can't be gone along is an
// error: rows whose key is NULL are in no range of it, and where many have the same
// one a batch is as large as those are.
func (s Step) KeyType(answer string) (string, error) {
	var key struct {
		Type    string `json:"type"`
		NotNull bool   `json:"not_null"`
		Unique  bool   `json:"unique"`
	}
	if err := json.Unmarshal([]byte(answer), &key); err != nil {
		return "", fmt.Errorf("read the key of a backfill: %w", err)
	}
	switch {
	case key.Type == "":
		return "", &KeyError{fmt.Sprintf("there is no column %s.%s to go along", s.Table, s.Key)}
	case !key.NotNull:
		return "", &KeyError{fmt.Sprintf("column %s.%s may be NULL: a backfill goes along a column that is NOT NULL and has a unique index", s.Table, s.Key)}
	case !key.Unique:
		return "", &KeyError{fmt.Sprintf("column %s.%s has no unique index of its own: a backfill goes along a column that is NOT NULL and has one", s.Table, s.Key)}
	}
	return key.Type, nil
}

// KeyError says why a backfill can't go along a column.
type KeyError struct{ text string }

func (e *KeyError) Error() string { return e.text }
