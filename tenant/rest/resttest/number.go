package resttest

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// someNumbers are those that programs get wrong.
var someNumbers = []string{
	"0", "-0", "1", "-1", "0.1", "-0.5", "1.0", "1e2", "1E+2", "127", "128", "255", "256", "32767", "32768", "65536",
	"2147483647", "-2147483648", "2147483648", "-2147483649", "4294967296", "9007199254740991", "9007199254740993",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
	"1e15", "1e19", "1e100", "1.7976931348623157e308", "5e-324", "-1.5e300", "0.1234567890123456789", "3.4e38", "3.5e38",
}

// beyond are numbers that no float64 holds.
var beyond = []string{"1e400", "-1e400", "1e99999", "1e-400"}

func (g *generator) integer(s *openapi3.Schema) any {
	low, high := integerBounds(s)
	for range tries {
		var text string
		switch g.IntN(5) {
		case 0:
			text = pick(g, someNumbers)
		case 1:
			text = strconv.FormatInt(pick(g, []int64{low, low + 1, high - 1, high}), 10)
		default:
			text = strconv.FormatInt(g.between(low, high), 10)
		}
		if allows(s, json.Number(text)) {
			return json.Number(text)
		}
	}
	return json.Number(strconv.FormatInt(low, 10))
}

func integerBounds(s *openapi3.Schema) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	if s.Format == "int32" {
		low, high = math.MinInt32, math.MaxInt32
	}
	if s.Min != nil && *s.Min > float64(low) {
		low = int64(math.Ceil(*s.Min))
	}
	if s.Max != nil && *s.Max < float64(high) {
		high = int64(math.Floor(*s.Max))
	}
	return low, high
}

// between is a number near the lower bound, or near zero where that is inside.
func (g *generator) between(low, high int64) int64 {
	if low < 0 && high > 100 {
		low = max(low, -20)
	}
	if span := high - low; span >= 0 && span < 100 {
		return low + g.Int64N(span+1)
	}
	return low + g.Int64N(100)
}

func (g *generator) number(s *openapi3.Schema) any {
	low, high := -1e6, 1e6
	if s.Min != nil {
		low, high = *s.Min, max(high, *s.Min+1)
	}
	if s.Max != nil {
		low, high = min(low, *s.Max), *s.Max
	}
	for range tries {
		text := pick(g, someNumbers)
		switch g.IntN(4) {
		case 0:
			text = strconv.FormatFloat(pick(g, []float64{low, high}), 'g', -1, 64)
		case 1, 2:
			text = strconv.FormatFloat(low+g.Float64()*(high-low), 'g', -1, 64)
		}
		if allows(s, json.Number(text)) {
			return json.Number(text)
		}
	}
	return json.Number(strconv.FormatFloat(low, 'g', -1, 64))
}
