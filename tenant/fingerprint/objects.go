package fingerprint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/jackc/pgx/v5"
)

// Of returns the fingerprint of a schema that has these objects, in the order in
// which [Objects] gives them.
func Of(objects []Object) string {
	const digits = 32
	hash := sha256.New()
	for i, o := range objects {
		between := "\x1e"
		if i == 0 {
			between = ""
		}
		_, _ = io.WriteString(hash, between+string(o.Kind)+"\x1f"+o.Name+"\x1f"+o.Definition) // a hash never fails
	}
	return form + hex.EncodeToString(hash.Sum(nil))[:digits]
}

// ObjectsTx is [Objects] within a transaction, which may have made the schema. The
// transaction keeps its settings.
func ObjectsTx(ctx context.Context, tx pgx.Tx, schema string) ([]Object, error) {
	return Objects(ctx, tx, schema)
}

func objectsOf(ctx context.Context, tx pgx.Tx, parts []part) ([]Object, error) {
	rows, err := tx.Query(ctx, objectRows, arguments(parts)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Object])
}
