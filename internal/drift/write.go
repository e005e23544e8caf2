package drift

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
)

func (r *Report) sort() {
	slices.SortFunc(r.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), // "public" comes before "tenant"
			cmp.Compare(len(b.Schemas), len(a.Schemas)), slices.Compare(a.Schemas, b.Schemas))
	})
	slices.Sort(r.Missing)
	slices.Sort(r.Reordered)
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, g := range r.Groups {
		fmt.Fprintf(&b, "%s: %s\n", Labels(g.Scope, g.Schemas), count(len(g.Differences), "difference"))
		for _, d := range g.Differences {
			b.WriteString("  " + strings.ReplaceAll(d.Explanation, "\n", "\n  ") + "\n")
		}
		b.WriteByte('\n')
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "%s: the schema is missing\n\n", Labels(plan.Tenant, r.Missing))
	}
	if len(r.Reordered) > 0 {
		fmt.Fprintf(&b, "note: columns stand in another order than in the schema files, which changes nothing: %s\n\n", strings.Join(shorten(r.Reordered), ", "))
	}
	b.WriteString(r.summary() + "\n")
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func (r *Report) summary() string {
	var parts []string
	if r.Checked[plan.Public] > 0 {
		verb := "is"
		if slices.ContainsFunc(r.Groups, func(g Group) bool { return g.Scope == plan.Public }) {
			verb = "is not"
		}
		parts = append(parts, "public "+verb+" as desired")
	}
	if n := r.Checked[plan.Tenant]; n > 0 {
		behind := len(r.Missing)
		for _, g := range r.Groups {
			if g.Scope == plan.Tenant {
				behind += len(g.Schemas)
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %s as desired", n-behind, count(n, "tenant")))
	}
	if len(parts) == 0 {
		parts = []string{"nothing to look at"}
	}
	return strings.Join(parts, ", ")
}

// maxLabels is how many tenants are named one by one.
const maxLabels = 6

// Labels names schemas of one scope in a line: "public", or "37 tenants (acme, ...)".
func Labels(scope plan.Scope, labels []string) string {
	if scope == plan.Public {
		return "public"
	}
	return fmt.Sprintf("%s (%s)", count(len(labels), "tenant"), strings.Join(shorten(labels), ", "))
}

func shorten(labels []string) []string {
	if len(labels) <= maxLabels {
		return labels
	}
	return append(slices.Clone(labels[:maxLabels]), fmt.Sprintf("and %d more", len(labels)-maxLabels))
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
