// Package stats is what the benchmarks have in common: how their numbers are
// summed up. It imports the standard library.
package stats

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Median is the value in the middle of some, of which there must be one.
func Median[T cmp.Ordered](values []T) T {
	return at(values, 2)
}

// Quartiles are the values at a quarter, a half and three quarters of some, of
// which there must be one.
func Quartiles[T cmp.Ordered](values []T) [3]T {
	return [3]T{at(values, 1), at(values, 2), at(values, 3)}
}

// at is the value at so many quarters.
func at[T cmp.Ordered](values []T, quarters int) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)*quarters/4]
}

// Ratio says how long one thing takes against another that takes turns with it:
// the median of what each pair of turns says, with the quartiles around it, which
// tell how far to trust it.
func Ratio(times, of []time.Duration) string {
	ratios := make([]float64, min(len(times), len(of)))
	for i := range ratios {
		ratios[i] = float64(times[i]) / float64(of[i])
	}
	q := Quartiles(ratios)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", q[1], q[0], q[2])
}

// Milliseconds is a duration in milliseconds.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Peak is the most memory that this process has had, as Linux tells it.
func Peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown here"
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(text)
		}
	}
	return "unknown here"
}
