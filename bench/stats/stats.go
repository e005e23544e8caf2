// Package stats is what the benchmarks have in common: how their numbers are
// summed up. It imports the standard library.
package stats

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"time"
)

// Median is the value in the middle of some, of which there must be one.
func Median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
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
