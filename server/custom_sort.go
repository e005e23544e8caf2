package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// sortKey is a column to sort findings by, and how its value in a row becomes
// a part of a cursor and comes back.
type sortKey struct {
	column  string
	sqlType string
	key     func(tenantdb.ListScanFindingsRow) (string, error)
	parse   func(string) (any, error)
}

// findingKeys is the only way from a client's sort to a column.
//
//nolint:goconst // A table of names.
var findingKeys = map[string]sortKey{
	"severity":   {"f.severity", "severity", textKey(func(r tenantdb.ListScanFindingsRow) string { return string(r.Severity) }), parseSeverity},
	"status":     {"f.status", "finding_status", textKey(func(r tenantdb.ListScanFindingsRow) string { return string(r.Status) }), parseStatus},
	"seen":       {"f.created_at", "timestamptz", timeKey(func(r tenantdb.ListScanFindingsRow) time.Time { return r.CreatedAt }), parseTime},
	"first_seen": {"f.first_seen_at", "timestamptz", timeKey(func(r tenantdb.ListScanFindingsRow) time.Time { return r.FirstSeenAt }), parseTime},
	"risk":       {"f.risk_score", "numeric", riskKey, parseDecimal},
	"service":    {"f.service", "text", textKey(func(r tenantdb.ListScanFindingsRow) string { return r.Service }), parseText},
	"region":     {"f.region", "text", textKey(func(r tenantdb.ListScanFindingsRow) string { return r.Region }), parseText},
	"check":      {"f.check_id", "text", textKey(func(r tenantdb.ListScanFindingsRow) string { return r.CheckID }), parseText},
}

// sortBy is one column of an order.
type sortBy struct {
	sortKey

	descending bool
}

// order is a way to sort findings. Together with the id, which comes last and
// goes the way of the first column, it tells any two findings apart: so a page
// can begin after the row that the one before ended with.
type order struct {
	name    string
	columns []sortBy
}

// findingOrder reads a client's sort. A column that comes again sorts nothing.
func findingOrder(sort []api.FindingSort) (order, bool) {
	var o order
	var names []string
	var used []string
	for _, s := range sort {
		name, descending := strings.CutPrefix(string(s), "-")
		key, ok := findingKeys[name]
		if !ok {
			return order{}, false
		}
		if !slices.Contains(used, name) {
			used = append(used, name)
			names = append(names, string(s))
			o.columns = append(o.columns, sortBy{key, descending})
		}
	}
	o.name = strings.Join(names, ",")
	return o, len(o.columns) > 0
}

// by is the ORDER BY clause.
func (o order) by() tenant.SQL {
	var b strings.Builder
	b.WriteString("ORDER BY ")
	for _, c := range o.columns {
		b.WriteString(c.column + c.direction() + ", ")
	}
	return tenant.SQL(b.String() + "f.id" + o.columns[0].direction())
}

func (c sortBy) direction() string {
	if c.descending {
		return " DESC"
	}
	return ""
}

func (c sortBy) beyond() string {
	if c.descending {
		return "<"
	}
	return ">"
}

// after limits the page to the rows beyond a row of these keys. Where all goes
// one way that is a comparison of rows, which an index can answer.
func (o order) after(w *tenant.Filter, keys []any, id uuid.UUID) {
	columns := make([]string, 0, len(keys)+1)
	values := make([]string, 0, len(keys)+1)
	for i, c := range o.columns {
		columns = append(columns, c.column)
		values = append(values, string(w.Arg(keys[i]))+"::"+c.sqlType)
	}
	columns, values = append(columns, "f.id"), append(values, string(w.Arg(id))+"::uuid")
	first := o.columns[0]
	if !slices.ContainsFunc(o.columns, func(c sortBy) bool { return c.descending != first.descending }) {
		w.And(tenant.SQL(fmt.Sprintf("(%s) %s (%s)", strings.Join(columns, ", "), first.beyond(), strings.Join(values, ", "))))
		return
	}
	var steps, same []string
	for i := range columns {
		c := first // which way the id goes
		if i < len(o.columns) {
			c = o.columns[i]
		}
		step := append(slices.Clone(same), columns[i]+" "+c.beyond()+" "+values[i])
		steps = append(steps, "("+strings.Join(step, " AND ")+")")
		same = append(same, columns[i]+" = "+values[i])
	}
	w.And(tenant.SQL(strings.Join(steps, " OR ")))
}

// keys are those of a row, for a cursor.
func (o order) keys(f *rest.Fields, r tenantdb.ListScanFindingsRow) []any {
	keys := make([]any, 0, len(o.columns)+1)
	for _, c := range o.columns {
		keys = append(keys, rest.Take(f, "sort", c.key, r))
	}
	return append(keys, r.ID)
}

func textKey(of func(tenantdb.ListScanFindingsRow) string) func(tenantdb.ListScanFindingsRow) (string, error) {
	return func(r tenantdb.ListScanFindingsRow) (string, error) { return of(r), nil }
}

func timeKey(of func(tenantdb.ListScanFindingsRow) time.Time) func(tenantdb.ListScanFindingsRow) (string, error) {
	return func(r tenantdb.ListScanFindingsRow) (string, error) { return of(r).UTC().Format(time.RFC3339Nano), nil }
}

func riskKey(r tenantdb.ListScanFindingsRow) (string, error) {
	return rest.DecimalToString[string](r.RiskScore)
}

// A cursor comes back from the client. It is signed, and still: a key that the
// database could not read is refused before it gets there.
var errCursorKey = errors.New("not a cursor of this list")

func parseText(key string) (any, error) { return key, nil }

func parseSeverity(key string) (any, error) {
	if !api.Severity(key).Valid() {
		return nil, errCursorKey
	}
	return tenantdb.Severity(key), nil
}

func parseStatus(key string) (any, error) {
	if !api.FindingStatus(key).Valid() {
		return nil, errCursorKey
	}
	return tenantdb.FindingStatus(key), nil
}

func parseTime(key string) (any, error) {
	at, err := time.Parse(time.RFC3339Nano, key)
	if err != nil {
		return nil, errCursorKey
	}
	if at, err = rest.UTC(at); err != nil {
		return nil, errCursorKey
	}
	return at, nil
}

func parseDecimal(key string) (any, error) {
	n, err := rest.StringToDecimal(key)
	if err != nil {
		return nil, errCursorKey
	}
	return n, nil
}
