package convert

import (
	"fmt"
	"slices"
	"strings"
)

// Chain gives the function of package rest that converts from one type to the
// other, as Go source. It is empty when the value can stay as it is, and ok is
// false when there is no way.
func Chain(kind Kind, from, to Type) (fn string, ok bool) {
	fn, ok = chain(kind, from, to)
	if fn == "rest.Same["+from.Text+"]" && from.Text == to.Text {
		return "", ok
	}
	return fn, ok
}

func chain(kind Kind, from, to Type) (string, bool) {
	inner, outer := from, to
	if from.Wrapper != None {
		inner = *from.Elem
	}
	if to.Wrapper != None {
		outer = *to.Elem
	}
	core, ok := plain(kind, inner, outer)
	if !ok {
		return "", false
	}
	switch {
	case from.Wrapper != None && to.Wrapper != None:
		if from.Text == to.Text && !outer.Enum && core == same(inner) {
			return same(from), true
		}
		return fmt.Sprintf("rest.Null(%s, %s, %s)", from.Open, core, to.Build), true
	case from.Wrapper != None:
		return fmt.Sprintf("rest.Must(%s, %s)", from.Open, core), true
	case to.Wrapper != None:
		return fmt.Sprintf("rest.Some(%s, %s)", core, to.Build), true
	}
	return core, true
}

func same(t Type) string { return "rest.Same[" + t.Text + "]" }

// plain converts what is neither absent nor null.
func plain(kind Kind, from, to Type) (string, bool) {
	switch {
	case kind == JSON && from.Basic == basicBytes && from.Text != to.Text:
		return fmt.Sprintf("rest.FromJSON[%s, %s]", from.Text, to.Text), true
	case kind == JSON && to.Basic == basicBytes && from.Text != to.Text:
		return fmt.Sprintf("rest.ToJSON[%s, %s]", from.Text, to.Text), true
	case from.List && to.List && kind == Decimal && from.Elem.Basic == to.Elem.Basic:
		return "", false // pgx takes a string for a numeric, but not for those of an array
	case from.List && to.List:
		item, ok := chain(kind, *from.Elem, *to.Elem)
		return fmt.Sprintf("rest.Slice[%s, %s](%s)", from.Text, to.Text, item), ok
	case from.List || to.List || from.Basic == "" || to.Basic == "":
		return "", false
	}
	return element(kind, from, to)
}

type pair struct{ from, to Basic }

// pairs are the conversions between different kinds of Go types. %s stands for
// the type on the API's side where the function needs to be told.
var pairs = map[pair]string{
	{basicTime, basicDate}: "rest.TimeToDate", {basicDate, basicTime}: "rest.DateToTime",
	{basicNumeric, basicString}: "rest.DecimalToString[%s]", {basicString, basicNumeric}: "rest.StringToDecimal[%s]",
	{basicTimeOfDay, basicString}: "rest.TimeToString[%s]", {basicString, basicTimeOfDay}: "rest.StringToTime[%s]",
	{basicInterval, basicString}: "rest.IntervalToString[%s]", {basicString, basicInterval}: "rest.StringToInterval[%s]",
	{basicAddr, basicString}: "rest.AddrToString[%s]", {basicString, basicAddr}: "rest.StringToAddr[%s]",
	{basicPrefix, basicString}: "rest.PrefixToString[%s]", {basicString, basicPrefix}: "rest.StringToPrefix[%s]",
	{basicString, basicUUID}: "rest.StringToUUID[%s]",
}

func element(kind Kind, from, to Type) (string, bool) {
	if kind == Timestamp && from.Basic == basicTime && to.Basic == basicTime {
		return "rest.UTC", true
	}
	if fn, ok := pairs[pair{from.Basic, to.Basic}]; ok {
		text := to.Text
		if from.Basic == basicString {
			text = from.Text
		}
		if to.Basic == basicUUID {
			text = from.Text + ", " + to.Text
		}
		return strings.ReplaceAll(fn, "%s", text), true
	}
	switch {
	case isInteger(from.Basic) && isInteger(to.Basic):
		if from.Text == to.Text {
			return same(from), true
		}
		return fmt.Sprintf("rest.Int[%s, %s]", from.Text, to.Text), true
	case isFloat(from.Basic) && isFloat(to.Basic):
		if kind == Float64 && (from.Basic == "float32" || to.Basic == "float32") {
			return "", false // digits would be lost
		}
		return fmt.Sprintf("rest.FloatTo[%s, %s]", from.Text, to.Text), true
	case from.Basic != to.Basic:
		return "", false
	case to.Enum && kind == Text:
		return fmt.Sprintf("rest.Enum[%s, %s]", from.Text, to.Text), true
	case from.Text == to.Text:
		return same(from), true
	case from.Basic == basicString:
		return fmt.Sprintf("rest.String[%s, %s]", from.Text, to.Text), true
	case from.Basic == basicUUID:
		return fmt.Sprintf("rest.UUID[%s, %s]", from.Text, to.Text), true
	}
	return "", false
}

func isInteger(b Basic) bool {
	size := strings.TrimPrefix(strings.TrimPrefix(string(b), "u"), "int")
	return len(size) < len(b) && slices.Contains([]string{"", "8", "16", "32", "64"}, size)
}

func isFloat(b Basic) bool { return b == "float32" || b == "float64" }
