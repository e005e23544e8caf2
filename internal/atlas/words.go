package atlas

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func sortedKeys[M ~map[string]V, V any](m M) []string {
	return slices.Sorted(maps.Keys(m))
}

// sentence prepares a message of someone else's for a diagnostic, which has one
// line and no full stop.
func sentence(s string) string {
	return strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".")
}

// misspelt refuses blocks whose name is nearly one that counts. Atlas takes any
// block, so that a slip of the pen would be a setting that has no effect.
func (l *loader) misspelt(body *hclsyntax.Body) {
	const slip = 2
	near := func(b *hclsyntax.Block, what, word string, known []string) {
		if slices.Contains(known, word) {
			return
		}
		for _, k := range known {
			if editDistance(strings.ToLower(word), k) <= slip {
				l.reportf(b.DefRange().Start.Line, "misspelt", word, nearest(word, known), "the %s %q has no effect", what, word)
				return
			}
		}
	}
	for _, b := range body.Blocks {
		near(b, "block", b.Type, []string{"variable", "locals", blockData, blockEnv, "deployment", "diff", "lint", varAtlas})
		if b.Type == blockEnv && len(b.Labels) == 1 {
			near(b, "env", b.Labels[0], []string{EnvPublic, EnvTenant})
		}
	}
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
