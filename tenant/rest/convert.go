package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Convert is how generated handlers turn a value of the API into a value of
// the database or back. A chain of three parts is put together where a value
// may be absent: open takes the wrapper off, a plain conversion changes the
// value, build puts the other side's wrapper on.

// Fields gathers what could not be converted, so that a client is told of
// everything at once. The zero value is ready for use.
type Fields struct {
	errs []FieldError
}

// Take converts v and notes an error under the field's place, such as
// "body.name" or "query.limit".
func Take[A, B any](f *Fields, place string, convert func(A) (B, error), v A) B {
	out, err := convert(v)
	if err != nil {
		f.Add(place, err)
	}
	return out
}

// Add notes an error under a field's place.
func (f *Fields) Add(place string, err error) {
	in, name, _ := strings.Cut(place, ".")
	field := FieldError{In: in, Parameter: name, Detail: err.Error()}
	if in == "body" {
		field.Parameter = ""
		if name != "" {
			field.Pointer = pointer(strings.Split(name, "."))
		}
	}
	if len(f.errs) < maxFieldErrors && !slices.Contains(f.errs, field) { // A value may feed two queries.
		f.errs = append(f.errs, field)
	}
}

// Invalid is nil, or the answer to a request that cannot be converted: 400
// when a parameter is wrong, 422 when the body is.
func (f *Fields) Invalid() error {
	if len(f.errs) == 0 {
		return nil
	}
	status := http.StatusUnprocessableEntity
	if slices.ContainsFunc(f.errs, func(e FieldError) bool { return e.In != "body" }) {
		status = http.StatusBadRequest
	}
	return &StatusError{Problem: Problem{Status: status, Errors: f.errs}}
}

// Unanswerable is nil, or the error of a row that the response cannot hold. It
// is the service's own, and its detail goes to the log alone.
func (f *Fields) Unanswerable() error {
	if len(f.errs) == 0 {
		return nil
	}
	errs := make([]error, len(f.errs))
	for i, e := range f.errs {
		errs[i] = fmt.Errorf("column %s: %s", strings.Trim(e.In+"."+e.Parameter+e.Pointer, "."), e.Detail)
	}
	return fmt.Errorf("convert a row to the response: %w", errors.Join(errs...))
}

// Answer insists that a hand-written handler answers: without a response and
// without an error the client would be told 200 and nothing else.
func Answer[T any](response T, err error) (T, error) {
	if err == nil && any(response) == nil {
		err = errors.New("the handler returned neither a response nor an error")
	}
	return response, err
}

// Null converts between two wrappers, absent to absent.
func Null[A, S, T, B any](open func(A) (S, bool, error), convert func(S) (T, error), build func(T, bool) B) func(A) (B, error) {
	return func(v A) (B, error) {
		s, ok, err := open(v)
		if err != nil || !ok {
			var zero T
			return build(zero, false), err
		}
		t, err := convert(s)
		return build(t, err == nil), err
	}
}

// Must converts a wrapped value that has to be there.
func Must[A, S, T any](open func(A) (S, bool, error), convert func(S) (T, error)) func(A) (T, error) {
	return func(v A) (T, error) {
		var zero T
		s, ok, err := open(v)
		if err != nil {
			return zero, err
		}
		if !ok {
			return zero, errors.New("must not be null or absent")
		}
		return convert(s)
	}
}

// Some converts a plain value and wraps it.
func Some[S, T, B any](convert func(S) (T, error), build func(T, bool) B) func(S) (B, error) {
	return func(v S) (B, error) {
		t, err := convert(v)
		return build(t, err == nil), err
	}
}

// Slice converts each element. The result is never nil, for nil would become
// NULL in SQL and null in JSON.
func Slice[A ~[]S, B ~[]T, S, T any](convert func(S) (T, error)) func(A) (B, error) {
	return func(v A) (B, error) {
		out := make(B, len(v))
		for i, s := range v {
			t, err := convert(s)
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", i+1, err)
			}
			out[i] = t
		}
		return out, nil
	}
}

// Rows turns all rows into items of a response. The result is never nil.
func Rows[R, T any](f *Fields, rows []R, convert func(f *Fields, row R) T) []T {
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = convert(f, row)
	}
	return out
}

// Same leaves a value as it is.
func Same[T any](v T) (T, error) { return v, nil }

// Integer is every integer type.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Int converts between integers and never truncates.
func Int[A, B Integer](v A) (B, error) {
	out := B(v)
	if A(out) != v || (out < 0) != (v < 0) {
		return 0, errors.New("the number is out of range")
	}
	return out, nil
}

// Float is every floating-point type.
type Float interface{ ~float32 | ~float64 }

// FloatTo converts between floats. A widened value keeps its decimal
// digits: 0.1 stays 0.1 instead of becoming 0.10000000149011612.
func FloatTo[A, B Float](v A) (B, error) {
	wide := float64(v)
	if math.IsNaN(wide) || math.IsInf(wide, 0) {
		return 0, errors.New("NaN and infinities have no form in JSON")
	}
	var a A
	var b B
	if _, narrow := any(a).(float32); narrow {
		if _, wider := any(b).(float64); wider {
			parsed, err := strconv.ParseFloat(strconv.FormatFloat(wide, 'g', -1, 32), 64)
			if err != nil {
				return 0, fmt.Errorf("widen a number: %w", err)
			}
			return B(parsed), nil
		}
	}
	out := B(v)
	if math.IsInf(float64(out), 0) {
		return 0, errors.New("the number is out of range")
	}
	return out, nil
}

// String converts between string types: text, and enums of the same values.
func String[A, B ~string](v A) (B, error) { return B(v), nil }

// EnumType is an enum as oapi-codegen writes it.
type EnumType interface {
	~string
	Valid() bool
}

// Enum converts a string to an enum whose values it may not have.
func Enum[A ~string, B EnumType](v A) (B, error) {
	out := B(v)
	if !out.Valid() {
		return out, errors.New("the value is not one of the enum's")
	}
	return out, nil
}

// UUID converts between the types that hold the 16 bytes of a UUID.
func UUID[A, B ~[16]byte](v A) (B, error) { return B(v), nil }

// FromJSON reads a json or jsonb column.
func FromJSON[A ~[]byte, T any](v A) (T, error) {
	var out T
	dec := json.NewDecoder(bytes.NewReader(v))
	dec.UseNumber() // a number in free-form JSON may have more digits than a float
	if err := dec.Decode(&out); err != nil {
		return out, fmt.Errorf("read stored JSON: %w", err)
	}
	return out, nil
}

// ToJSON writes a json or jsonb argument.
func ToJSON[T any, B ~[]byte](v T) (B, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, errors.New("the value has no form in JSON")
	}
	return B(data), nil
}
