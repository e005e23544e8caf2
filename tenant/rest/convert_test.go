package rest_test

import (
	"errors"
	"math"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/oapi-codegen/nullable"
	"github.com/oapi-codegen/runtime/types"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// TestInt never truncates.
func TestInt(t *testing.T) {
	t.Parallel()
	for _, v := range []int64{0, -1, math.MaxInt32, math.MinInt32} {
		if got, err := rest.Int[int64, int32](v); err != nil || int64(got) != v {
			t.Errorf("%d became %d, %v", v, got, err)
		}
	}
	for _, v := range []int64{math.MaxInt32 + 1, math.MinInt32 - 1, math.MaxInt64, math.MinInt64} {
		if got, err := rest.Int[int64, int32](v); err == nil {
			t.Errorf("%d became %d", v, got)
		}
	}
	if _, err := rest.Int[int64, uint64](-1); err == nil {
		t.Error("-1 became unsigned")
	}
	if _, err := rest.Int[uint64, int64](math.MaxUint64); err == nil {
		t.Error("the largest unsigned number became signed")
	}
}

// TestFloat keeps decimal digits and refuses what has no form in JSON.
func TestFloat(t *testing.T) {
	t.Parallel()
	if got, err := rest.FloatTo[float32, float64](0.1); err != nil || got != 0.1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		if got, err := rest.FloatTo[float64, float32](v); err == nil {
			t.Errorf("%v became %v", v, got)
		}
	}
}

// TestDecimal reads and writes numerics digit by digit.
func TestDecimal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "1": "1", "+1.50": "1.50", ".5": "0.5", "5.": "5", "1e3": "1000", "-1.25e-3": "-0.00125",
		"123456789012345678901234567890.123456789": "123456789012345678901234567890.123456789", "0e5": "0", "00.10": "0.10",
	} {
		n, err := rest.StringToDecimal(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, err := rest.DecimalToString[string](n); err != nil || got != want {
			t.Errorf("%s became %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", ".", "-", "e5", "1e", "NaN", "Infinity", "1,5", "0x1", "1 ", "1e999999", "1e-99999", strings.Repeat("9", 131073), "1_000"} {
		if n, err := rest.StringToDecimal(in); err == nil {
			t.Errorf("%.20q became %v", in, n)
		}
	}
	for _, n := range []pgtype.Numeric{{NaN: true, Valid: true}, {InfinityModifier: pgtype.Infinity, Valid: true}} {
		if got, err := rest.DecimalToString[string](n); err == nil {
			t.Errorf("%v became %s", n, got)
		}
	}
	if got, err := rest.DecimalToString[string](pgtype.Numeric{Int: big.NewInt(12), Exp: 3, Valid: true}); err != nil || got != "12000" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestInterval keeps months, days and time apart.
func TestInterval(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]pgtype.Interval{
		"PT0S":             {},
		"P1Y2M3DT4H5M6.5S": {Months: 14, Days: 3, Microseconds: (4*3600+5*60+6)*1e6 + 5e5},
		"-P1Y":             {Months: -12},
		"P-1MT-1S":         {Months: -1, Microseconds: -1e6},
		"P2W":              {Days: 14},
		"P1W1D":            {Days: 8},
		"PT-0.000001S":     {Microseconds: -1},
		"PT0,5S":           {Microseconds: 5e5},
		"PT36H":            {Microseconds: 36 * 3600e6},
	} {
		want.Valid = true
		got, err := rest.StringToInterval(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", in, err, diff)
			continue
		}
		text, err := rest.IntervalToString[string](got)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if again, err := rest.StringToInterval(text); err != nil || again != got {
			t.Errorf("%s became %s, then %v, %v", in, text, again, err)
		}
	}
	for _, in := range []string{"", "P", "PT", "P1DT", "1D", "P1", "PT1", "P1H", "P1.5D", "1 day", "P9999999999Y", "PT99999999999999999999S", "P1D ", "PT9223372036854S"} {
		if got, err := rest.StringToInterval(in); err == nil {
			t.Errorf("%s became %v", in, got)
		}
	}
}

// TestTimeOfDay reads what PostgreSQL's time can hold.
func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"00:00:00": "00:00:00", "23:59:59.999999": "23:59:59.999999", "01:02:03.5": "01:02:03.5",
	} {
		v, err := rest.StringToTime(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, err := rest.TimeToString[string](v); err != nil || got != want {
			t.Errorf("%s became %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "1:00", "00:00", "12:00", "24:00:00", "24:00:01", "12:60", "12:00:60", "12:00:00Z", "12:00:00.1234567", "-1:00"} {
		if v, err := rest.StringToTime(in); err == nil {
			t.Errorf("%s became %v", in, v)
		}
	}
}

// TestYears refuses the years that no response could hold, in both directions.
func TestYears(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"9999-12-31T23:59:59Z":      "9999-12-31T23:59:59Z",
		"9999-12-31T23:59:59+14:00": "9999-12-31T09:59:59Z",
		"0000-01-01T00:00:00-14:00": "0000-01-01T14:00:00Z",
		"9999-12-31T23:59:59-14:00": "",
		"0000-01-01T00:00:00+00:01": "",
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rest.UTC(at)
		if (err != nil) != (want == "") || (err == nil && got.Format(time.RFC3339) != want) {
			t.Errorf("%s became %v, %v", text, got, err)
		}
	}
	for year, ok := range map[int]bool{-1: false, 0: true, 9999: true, 10000: false, 294276: false} {
		day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		if got, err := rest.TimeToDate(day); (err == nil) != ok {
			t.Errorf("year %d became %v, %v", year, got, err)
		}
		if got, err := rest.DateToTime(types.Date{Time: day}); (err == nil) != ok {
			t.Errorf("year %d became %v, %v", year, got, err)
		}
	}
	for name, err := range map[string]error{
		"point in time": second(rest.Must(rest.OpenTimestamptz, rest.UTC)(pgtype.Timestamptz{Valid: true, InfinityModifier: pgtype.Infinity})),
		"without zone":  second(rest.Must(rest.OpenTimestamp, rest.UTC)(pgtype.Timestamp{Valid: true, InfinityModifier: pgtype.NegativeInfinity})),
		"date":          second(rest.Must(rest.OpenDate, rest.TimeToDate)(pgtype.Date{Valid: true, InfinityModifier: pgtype.Infinity})),
	} {
		if err == nil {
			t.Errorf("%s: infinity is accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestWrappers put together conversions of what may be absent.
func TestWrappers(t *testing.T) {
	t.Parallel()
	toNull := rest.Null(rest.OpenNullable[string], rest.Same[string], rest.BuildText)
	for _, c := range []struct {
		in   nullable.Nullable[string]
		want pgtype.Text
	}{
		{nil, pgtype.Text{}},
		{nullable.NewNullNullable[string](), pgtype.Text{}},
		{nullable.NewNullableWithValue(""), pgtype.Text{Valid: true}},
	} {
		if got, err := toNull(c.in); err != nil || got != c.want {
			t.Errorf("%v became %v, %v", c.in, got, err)
		}
	}
	if n := rest.Nullable[string](nil); !n.IsNull() || !rest.Nullable(new("")).IsSpecified() || rest.Nullable(new("")).IsNull() {
		t.Errorf("nothing became %v, an empty text %v", n, rest.Nullable(new("")))
	}
	if _, err := rest.Must(rest.OpenText, rest.Same[string])(pgtype.Text{}); err == nil {
		t.Error("NULL became a value that must be there")
	}
	list, err := rest.Slice[[]int64, []int32](rest.Int[int64, int32])(nil)
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("an empty list became %v, %v", list, err)
	}
	if _, err := rest.Slice[[]int64, []int32](rest.Int[int64, int32])([]int64{1, math.MaxInt64}); err == nil || !strings.Contains(err.Error(), "item 2") {
		t.Errorf("error %v", err)
	}
	local := time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("east", 3600))
	if got := rest.BuildTimestamp(local, true); !got.Time.Equal(local) || got.Time.Hour() != 0 {
		t.Errorf("%v became %v", local, got.Time)
	}
}

// TestAnswer refuses a handler's silence.
func TestAnswer(t *testing.T) {
	t.Parallel()
	failure := errors.New("failure")
	if _, err := rest.Answer[error](nil, nil); err == nil {
		t.Error("neither response nor error is accepted")
	}
	if _, err := rest.Answer[error](nil, failure); !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	if response, err := rest.Answer(failure, nil); err != nil || !errors.Is(response, failure) {
		t.Errorf("%v, %v", response, err)
	}
}

// TestFields answers with every field that is wrong, and with 400 as soon as
// one of them is a parameter.
func TestFields(t *testing.T) {
	t.Parallel()
	var f rest.Fields
	if err := errors.Join(f.Invalid(), f.Unanswerable()); err != nil {
		t.Errorf("without errors: %v", err)
	}
	rest.Take(&f, "body.size", rest.Int[int64, int16], 1<<40)
	rest.Take(&f, "body", rest.StringToDecimal[string], "x")
	problem, _ := rest.ProblemOf(f.Invalid())
	want := []rest.FieldError{
		{In: "body", Pointer: "/size", Detail: "the number is out of range"},
		{In: "body", Detail: "not a decimal number"},
	}
	if diff := cmp.Diff(want, problem.Errors); diff != "" || problem.Status != http.StatusUnprocessableEntity {
		t.Errorf("status %d (-want +got):\n%s", problem.Status, diff)
	}
	f.Add("query.limit", errors.New("must be at least 1"))
	if problem, _ := rest.ProblemOf(f.Invalid()); problem.Status != http.StatusBadRequest || problem.Errors[2].Parameter != "limit" {
		t.Errorf("%+v", problem)
	}
	if problem, _ := rest.ProblemOf(f.Unanswerable()); problem.Status != http.StatusInternalServerError || problem.Errors != nil || problem.Detail != "" {
		t.Errorf("a row's error is told to the client: %+v", problem)
	}
}

// FuzzDecimal reads any text without failing, and what it reads it writes so
// that the same number is read again.
func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"0", "-1.50", "1e-10", "12345678901234567890.5", ".", "1e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		n, err := rest.StringToDecimal(in)
		if err != nil {
			return
		}
		text, err := rest.DecimalToString[string](n)
		if err != nil {
			t.Fatal(err)
		}
		again, err := rest.StringToDecimal(text)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, text, err)
		}
		if third, err := rest.DecimalToString[string](again); err != nil || third != text {
			t.Fatalf("%q became %q, then %q, %v", in, text, third, err)
		}
	})
}

// FuzzInterval does the same for durations.
func FuzzInterval(f *testing.F) {
	for _, seed := range []string{"PT0S", "P1Y2M3DT4H5M6.789S", "-P1D", "P-1DT-0.5S", "P"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		v, err := rest.StringToInterval(in)
		if err != nil {
			return
		}
		text, err := rest.IntervalToString[string](v)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := rest.StringToInterval(text); err != nil || again != v {
			t.Fatalf("%q became %q: %+v, then %+v, %v", in, text, v, again, err)
		}
	})
}

// FuzzTime does the same for times of day.
func FuzzTime(f *testing.F) {
	f.Add("12:34:56.789")
	f.Fuzz(func(t *testing.T, in string) {
		v, err := rest.StringToTime(in)
		if err != nil {
			return
		}
		text, err := rest.TimeToString[string](v)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := rest.StringToTime(text); err != nil || again != v {
			t.Fatalf("%q became %q: %v, %v", in, text, again, err)
		}
	})
}
