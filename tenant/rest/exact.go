package rest

import (
	"encoding/json"
	"io"
	"strconv"
)

// exactBody hands the validated value on to the handler, as the validator's own
// body does, with integers that a float64 would round as what they are.
type exactBody struct {
	io.ReadCloser

	value any
}

// ValidatedValue is what oapi-codegen's runtime binds to the handler's types.
func (b exactBody) ValidatedValue() any { return b.value }

// exact keeps integers as they are. Free-form JSON is bound to values of type
// any, where the runtime makes a float64 of a json.Number and leaves Go's own
// integers alone.
func exact(value any) any {
	switch v := value.(type) {
	case json.Number:
		return exactNumber(v)
	case map[string]any:
		for name, member := range v {
			v[name] = exact(member)
		}
	case []any:
		for i, item := range v {
			v[i] = exact(item)
		}
	}
	return value
}

// safeDigits is how many digits every float64 keeps.
const safeDigits = 15

func exactNumber(n json.Number) any {
	if len(n) <= safeDigits {
		return n
	}
	if signed, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return signed
	}
	if unsigned, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return unsigned
	}
	return n
}
