package atlas

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

func sortedKeys[M ~map[string]V, V any](m M) []string {
	return slices.Sorted(maps.Keys(m))
}

// sentence prepares a message of someone else's for a diagnostic, which has one
// line and no full stop.
func sentence(s string) string {
	return strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".")
}

// nearest is the mend for a word that isn't known.
func nearest(word string, known []string) string {
	best, distance := "", len(word)/2+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "write one of " + strings.Join(known, ", ")
	}
	return "write " + best
}

// editDistance counts the letters to insert, delete or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// Atlas writes its statements in one way, so their first words tell their kind.
var (
	concurrent = regexp.MustCompile(`^(CREATE (UNIQUE )?|DROP )INDEX CONCURRENTLY\b`)
	addValue   = regexp.MustCompile(`^ALTER TYPE .* ADD VALUE\b`)
)

// looksQuoted tells whether Atlas would take a text for quoted already.
func looksQuoted(s string) bool {
	return strings.HasPrefix(s, "'") && strings.HasSuffix(s, "'")
}

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
