package rest

import (
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/oapi-codegen/nullable"
)

// Each pair below opens and builds one kind of wrapper. Open tells the value
// and whether there is one; build makes the wrapper from the two.

var errInfinite = errors.New("an infinite time has no form in JSON")

// OpenPointer opens an optional value.
func OpenPointer[T any](v *T) (T, bool, error) {
	if v == nil {
		var zero T
		return zero, false, nil
	}
	return *v, true, nil
}

// BuildPointer makes an optional value.
func BuildPointer[T any](v T, ok bool) *T {
	if !ok {
		return nil
	}
	return &v
}

// OpenNullable opens a nullable value; null and absent are the same here.
func OpenNullable[T any](v nullable.Nullable[T]) (T, bool, error) {
	out, ok := v[true]
	return out, ok, nil
}

// BuildNullable makes a nullable value: null when there is none.
func BuildNullable[T any](v T, ok bool) nullable.Nullable[T] {
	if !ok {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(v)
}

// Nullable is the value that p points to, or null.
func Nullable[T any](p *T) nullable.Nullable[T] {
	v, ok, _ := OpenPointer(p)
	return BuildNullable(v, ok)
}

// OpenSlice opens an array or bytes whose NULL is nil.
func OpenSlice[S ~[]E, E any](v S) (S, bool, error) { return v, v != nil, nil }

// BuildSlice makes an array or bytes whose NULL is nil.
func BuildSlice[S ~[]E, E any](v S, ok bool) S {
	switch {
	case !ok:
		return nil
	case v == nil:
		return S{}
	}
	return v
}

// OpenAny opens a value of any form; null and absent are the same here.
func OpenAny(v any) (out any, ok bool, err error) { return v, v != nil, nil }

// BuildAny makes a value of any form: nil when there is none.
func BuildAny(v any, ok bool) any {
	if !ok {
		return nil
	}
	return v
}

// OpenText opens a nullable text.
func OpenText(v pgtype.Text) (string, bool, error) { return v.String, v.Valid, nil }

// BuildText makes a nullable text.
func BuildText(v string, ok bool) pgtype.Text { return pgtype.Text{String: v, Valid: ok} }

// OpenNullString opens a nullable composite.
func OpenNullString(v sql.NullString) (string, bool, error) { return v.String, v.Valid, nil }

// BuildNullString makes a nullable composite.
func BuildNullString(v string, ok bool) sql.NullString { return sql.NullString{String: v, Valid: ok} }

// OpenInt2 opens a nullable smallint.
func OpenInt2(v pgtype.Int2) (int16, bool, error) { return v.Int16, v.Valid, nil }

// BuildInt2 makes a nullable smallint.
func BuildInt2(v int16, ok bool) pgtype.Int2 { return pgtype.Int2{Int16: v, Valid: ok} }

// OpenInt4 opens a nullable integer.
func OpenInt4(v pgtype.Int4) (int32, bool, error) { return v.Int32, v.Valid, nil }

// BuildInt4 makes a nullable integer.
func BuildInt4(v int32, ok bool) pgtype.Int4 { return pgtype.Int4{Int32: v, Valid: ok} }

// OpenInt8 opens a nullable bigint.
func OpenInt8(v pgtype.Int8) (int64, bool, error) { return v.Int64, v.Valid, nil }

// BuildInt8 makes a nullable bigint.
func BuildInt8(v int64, ok bool) pgtype.Int8 { return pgtype.Int8{Int64: v, Valid: ok} }

// OpenFloat4 opens a nullable real.
func OpenFloat4(v pgtype.Float4) (float32, bool, error) { return v.Float32, v.Valid, nil }

// BuildFloat4 makes a nullable real.
func BuildFloat4(v float32, ok bool) pgtype.Float4 { return pgtype.Float4{Float32: v, Valid: ok} }

// OpenFloat8 opens a nullable double precision.
func OpenFloat8(v pgtype.Float8) (float64, bool, error) { return v.Float64, v.Valid, nil }

// BuildFloat8 makes a nullable double precision.
func BuildFloat8(v float64, ok bool) pgtype.Float8 { return pgtype.Float8{Float64: v, Valid: ok} }

// OpenBool opens a nullable boolean.
func OpenBool(v pgtype.Bool) (out, ok bool, err error) { return v.Bool, v.Valid, nil }

// BuildBool makes a nullable boolean.
func BuildBool(v, ok bool) pgtype.Bool { return pgtype.Bool{Bool: v, Valid: ok} }

// OpenUUID opens a UUID.
func OpenUUID(v pgtype.UUID) ([16]byte, bool, error) { return v.Bytes, v.Valid, nil }

// BuildUUID makes a UUID.
func BuildUUID(v [16]byte, ok bool) pgtype.UUID { return pgtype.UUID{Bytes: v, Valid: ok} }

// OpenNullUUID opens a nullable UUID of github.com/google/uuid.
func OpenNullUUID(v uuid.NullUUID) (uuid.UUID, bool, error) { return v.UUID, v.Valid, nil }

// BuildNullUUID makes a nullable UUID of github.com/google/uuid.
func BuildNullUUID(v uuid.UUID, ok bool) uuid.NullUUID { return uuid.NullUUID{UUID: v, Valid: ok} }

// OpenTimestamptz opens a point in time.
func OpenTimestamptz(v pgtype.Timestamptz) (time.Time, bool, error) {
	return finite(v.Time, v.Valid, v.InfinityModifier)
}

// BuildTimestamptz makes a point in time.
func BuildTimestamptz(v time.Time, ok bool) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: v, Valid: ok}
}

// OpenTimestamp opens a time without zone, which is read as UTC.
func OpenTimestamp(v pgtype.Timestamp) (time.Time, bool, error) {
	return finite(v.Time, v.Valid, v.InfinityModifier)
}

// BuildTimestamp makes a time without zone: what the clocks of UTC show.
func BuildTimestamp(v time.Time, ok bool) pgtype.Timestamp {
	return pgtype.Timestamp{Time: v.UTC(), Valid: ok}
}

// OpenDate opens a date.
func OpenDate(v pgtype.Date) (time.Time, bool, error) {
	return finite(v.Time, v.Valid, v.InfinityModifier)
}

// BuildDate makes a date.
func BuildDate(v time.Time, ok bool) pgtype.Date { return pgtype.Date{Time: v, Valid: ok} }

func finite(v time.Time, valid bool, modifier pgtype.InfinityModifier) (time.Time, bool, error) {
	if valid && modifier != pgtype.Finite {
		return time.Time{}, false, errInfinite
	}
	return v, valid, nil
}

// OpenTime opens a time of day.
func OpenTime(v pgtype.Time) (pgtype.Time, bool, error) { return v, v.Valid, nil }

// BuildTime makes a time of day.
func BuildTime(v pgtype.Time, ok bool) pgtype.Time {
	return pgtype.Time{Microseconds: v.Microseconds, Valid: ok}
}

// OpenInterval opens an interval.
func OpenInterval(v pgtype.Interval) (pgtype.Interval, bool, error) { return v, v.Valid, nil }

// BuildInterval makes an interval.
func BuildInterval(v pgtype.Interval, ok bool) pgtype.Interval {
	v.Valid = ok
	return v
}

// OpenNumeric opens a numeric.
func OpenNumeric(v pgtype.Numeric) (pgtype.Numeric, bool, error) { return v, v.Valid, nil }

// BuildNumeric makes a numeric.
func BuildNumeric(v pgtype.Numeric, ok bool) pgtype.Numeric {
	v.Valid = ok
	return v
}
