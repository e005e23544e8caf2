package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// maxLeft bounds how many differences are told one by one.
const maxLeft = 20

// What to do where no statement is found: to change a schema, and to make one.
const (
	byFile = "write a plan file in schema/plans for it"
	byHand = "change that by hand, for what can't be cloned can't be planned"
)

// left says in a sentence each what the trial could not bring about, and why.
func (t *trial) left() []string {
	var list []string
	diff := fingerprint.Diff(t.now, t.target)
	for _, d := range diff {
		if isPart(d, diff) {
			continue
		}
		err, known := t.errors[key(d)]
		refused, isRefused := errors.AsType[refusedError](err)
		switch {
		case isRefused:
			list = append(list, string(refused))
		case known:
			list = append(list, d.Explain()+": "+describe(err)+"; "+first(err)+t.mend)
		default:
			list = append(list, d.Explain()+"; "+t.mend)
		}
	}
	for _, err := range t.failed {
		if s, ok := errors.AsType[*statementError](err); ok {
			list = append(list, fmt.Sprintf("%s: %s; %s", strings.Join(s.statements, "; "), describe(err), first(err)+t.mend))
		}
	}
	return shorten(list)
}

// first is what may have to be done before anything else.
func first(err error) string {
	switch sqlState(err) {
	case "42P01", "42703", "42704", "42883", "3F000": // undefined names
		return "make what is missing first, or "
	case "42501": // insufficient privilege
		return "make a superuser do it by hand, or "
	}
	return ""
}

// isPart tells whether a difference says no more than another one does: that
// about the whole of which it is a part.
func isPart(d fingerprint.Difference, diff []fingerprint.Difference) bool {
	table := parent(d.Name)
	return slices.ContainsFunc(diff, func(whole fingerprint.Difference) bool {
		if whole.From != "" && whole.To != "" {
			return false
		}
		return (whole.Kind == kindTable || whole.Kind == kindForeign) && whole.Name == table ||
			d.Name == key(whole) // its privileges, owner and comment
	})
}

func shorten(list []string) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) > maxLeft {
		list = append(list[:maxLeft:maxLeft], fmt.Sprintf("and %d more", len(list)-maxLeft))
	}
	return list
}

// describe gives PostgreSQL's own words without its prefix.
func describe(err error) string {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err.Error()
	}
	text := pg.Message
	if pg.Detail != "" {
		text += " (" + strings.ReplaceAll(pg.Detail, "\n", "; ") + ")"
	}
	text = scratchTenant.ReplaceAllString(text, "$$tenant")
	return fmt.Sprintf("PostgreSQL says %q (SQLSTATE %s)", text, pg.Code)
}

// scratchTenant is a name that says nothing to anybody.
var scratchTenant = regexp.MustCompile(tenantPrefix + "[0-9a-f]{16}")

// explain lists what is different, for a sentence.
func explain(from, to []fingerprint.Object) string {
	var list []string
	for _, d := range fingerprint.Diff(from, to) {
		list = append(list, d.Explain())
	}
	const few = 5
	if len(list) > few {
		list = append(list[:few:few], fmt.Sprintf("and %d more", len(list)-few))
	}
	return strings.Join(list, "; ")
}
