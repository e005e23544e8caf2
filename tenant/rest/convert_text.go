package rest

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/oapi-codegen/runtime/types"
)

// DateToTime gives a date's midnight in UTC, which is how SQL dates are held.
func DateToTime(v types.Date) (time.Time, error) { return v.Time, inYears(v.Time) }

// TimeToDate takes the date of a time.
func TimeToDate(v time.Time) (types.Date, error) { return types.Date{Time: v}, inYears(v) }

// UTC gives the same point in time on the clocks of UTC. PostgreSQL holds years
// that RFC 3339 can't write; and 9999-12-31T23:59:59-14:00, which it can, is one
// of them in UTC. Such a time is refused on its way in, because no response
// could hold it afterwards.
func UTC(v time.Time) (time.Time, error) {
	v = v.UTC()
	return v, inYears(v)
}

// inYears refuses the years that a date of four digits can't hold.
func inYears(v time.Time) error {
	if year := v.Year(); year < 0 || year > 9999 {
		return errors.New("the year is not between 0000 and 9999 in UTC")
	}
	return nil
}

// maxDecimalDigits bounds the digits of a decimal before and after its point:
// what PostgreSQL's numeric can hold.
const maxDecimalDigits = 131072

// DecimalToString writes a numeric with all its digits and without an exponent.
func DecimalToString[T ~string](v pgtype.Numeric) (T, error) {
	if v.NaN || v.InfinityModifier != pgtype.Finite {
		return "", errors.New("NaN and infinities have no form as a decimal")
	}
	if v.Int == nil {
		return "0", nil
	}
	digits := new(big.Int).Abs(v.Int).String()
	switch {
	case v.Exp > 0:
		if v.Int.Sign() != 0 {
			digits += strings.Repeat("0", int(v.Exp))
		}
	case v.Exp < 0:
		places := int(-v.Exp)
		if missing := places + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-places] + "." + digits[len(digits)-places:]
	}
	if v.Int.Sign() < 0 {
		digits = "-" + digits
	}
	return T(digits), nil
}

var decimal = regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,6}))?$`)

// StringToDecimal reads a decimal without losing a digit.
func StringToDecimal[T ~string](v T) (pgtype.Numeric, error) {
	parts := decimal.FindStringSubmatch(string(v))
	if parts == nil || parts[2]+parts[3] == "" {
		return pgtype.Numeric{}, errors.New("not a decimal number")
	}
	exponent := 0
	if parts[4] != "" {
		n, err := strconv.Atoi(parts[4])
		if err != nil {
			return pgtype.Numeric{}, errors.New("not a decimal number")
		}
		exponent = n
	}
	exponent -= len(parts[3])
	whole := len(parts[2]) + len(parts[3]) + exponent
	if len(parts[2])+len(parts[3]) > 2*maxDecimalDigits || whole > maxDecimalDigits || exponent < -16383 {
		return pgtype.Numeric{}, errors.New("the number is out of range")
	}
	digits, ok := new(big.Int).SetString(parts[1]+parts[2]+parts[3], 10)
	if !ok {
		return pgtype.Numeric{}, errors.New("not a decimal number")
	}
	return pgtype.Numeric{Int: digits, Exp: int32(exponent), Valid: true}, nil
}

// TimeToString writes a time of day as hh:mm:ss with up to six decimals.
func TimeToString[T ~string](v pgtype.Time) (T, error) {
	seconds, micros := v.Microseconds/1e6, v.Microseconds%1e6
	text := fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if micros != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%06d", micros), "0")
	}
	return T(text), nil
}

var timeOfDay = regexp.MustCompile(`^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?$`)

// StringToTime reads a time of day without a zone: RFC 3339's partial-time, which
// has seconds, and not PostgreSQL's 24:00:00, which strict clients refuse in answers.
func StringToTime[T ~string](v T) (pgtype.Time, error) {
	parts := timeOfDay.FindStringSubmatch(string(v))
	if parts == nil {
		return pgtype.Time{}, errors.New("not a time of day such as 13:37:00")
	}
	var n [5]int64
	for i, text := range []string{parts[1], parts[2], parts[3], (parts[4] + "000000")[:6]} {
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return pgtype.Time{}, errors.New("not a time of day such as 13:37:00")
		}
		n[i] = value
	}
	micros := ((n[0]*60+n[1])*60+n[2])*1e6 + n[3]
	if n[1] > 59 || n[2] > 59 || n[0] > 23 {
		return pgtype.Time{}, errors.New("not a time of day such as 13:37:00")
	}
	return pgtype.Time{Microseconds: micros, Valid: true}, nil
}

// IntervalToString writes an interval as an ISO 8601 duration. Its months,
// days and microseconds stay apart, each with its own sign, as PostgreSQL does.
func IntervalToString[T ~string](v pgtype.Interval) (T, error) {
	var b strings.Builder
	b.WriteString("P")
	unit := func(n int64, name string) {
		if n != 0 {
			b.WriteString(strconv.FormatInt(n, 10) + name)
		}
	}
	unit(int64(v.Months/12), "Y")
	unit(int64(v.Months%12), "M")
	unit(int64(v.Days), "D")
	if v.Microseconds != 0 {
		b.WriteString("T")
		unit(v.Microseconds/3600e6, "H")
		unit(v.Microseconds/60e6%60, "M")
		if rest := v.Microseconds % 60e6; rest != 0 {
			sign := ""
			if rest < 0 {
				sign, rest = "-", -rest
			}
			text := fmt.Sprintf("%s%d.%06d", sign, rest/1e6, rest%1e6)
			b.WriteString(strings.TrimRight(strings.TrimRight(text, "0"), ".") + "S")
		}
	}
	if b.Len() == 1 {
		return "PT0S", nil
	}
	return T(b.String()), nil
}

var duration = regexp.MustCompile(`^([+-]?)P(?:([+-]?\d+)Y)?(?:([+-]?\d+)M)?(?:([+-]?\d+)W)?(?:([+-]?\d+)D)?` +
	`(?:T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?)(\d+)(?:[.,](\d{1,6})\d*)?S)?)?$`)

// StringToInterval reads an ISO 8601 duration.
func StringToInterval[T ~string](v T) (pgtype.Interval, error) {
	bad := errors.New("not an ISO 8601 duration such as P1DT12H")
	text := string(v)
	parts := duration.FindStringSubmatch(text)
	if parts == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return pgtype.Interval{}, bad
	}
	var n [11]float64 // exact up to 2^53, and the sums are checked against their ranges
	for i := 2; i <= 9; i++ {
		if i == 8 || parts[i] == "" {
			continue
		}
		value, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			return pgtype.Interval{}, bad
		}
		n[i] = float64(value)
	}
	months, days := n[2]*12+n[3], n[4]*7+n[5]
	whole := (n[6]*60 + n[7]) * 60
	seconds := n[9]
	micros, err := strconv.ParseInt((parts[10] + "000000")[:6], 10, 64)
	if err != nil {
		return pgtype.Interval{}, bad
	}
	if parts[8] == "-" {
		seconds, micros = -seconds, -micros
	}
	if math.Abs(months) > math.MaxInt32 || math.Abs(days) > math.MaxInt32 || math.Abs(whole)+math.Abs(seconds) > math.MaxInt64/1e6-1 {
		return pgtype.Interval{}, errors.New("the duration is out of range")
	}
	out := pgtype.Interval{
		Months: int32(months), Days: int32(days), Valid: true,
		Microseconds: (int64(whole)+int64(seconds))*1e6 + micros,
	}
	if parts[1] == "-" {
		out.Months, out.Days, out.Microseconds = -out.Months, -out.Days, -out.Microseconds
	}
	return out, nil
}

// AddrToString writes an inet.
func AddrToString[T ~string](v netip.Addr) (T, error) { return T(v.String()), nil }

// StringToAddr reads an inet.
func StringToAddr[T ~string](v T) (netip.Addr, error) {
	out, err := netip.ParseAddr(string(v))
	if err != nil {
		return out, errors.New("not an IP address")
	}
	return out, nil
}

// PrefixToString writes a cidr.
func PrefixToString[T ~string](v netip.Prefix) (T, error) { return T(v.String()), nil }

// StringToPrefix reads a cidr.
func StringToPrefix[T ~string](v T) (netip.Prefix, error) {
	out, err := netip.ParsePrefix(string(v))
	if err != nil {
		return out, errors.New("not a network such as 10.0.0.0/8")
	}
	return out.Masked(), nil
}
