package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// filter gathers the conditions of a statement. Conditions are constants of
// this package; whatever a client sent is an argument and never becomes text.
type filter struct {
	conditions []string
	args       []any
}

// add adds a condition in which $? stands for the argument.
func (w *filter) add(condition string, arg any) {
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "$?", w.arg(arg)))
}

// arg adds an argument and gives its placeholder.
func (w *filter) arg(arg any) string {
	w.args = append(w.args, arg)
	return "$" + strconv.Itoa(len(w.args))
}

// where is the WHERE clause, or nothing when there is no condition.
func (w *filter) where() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.conditions, "\n  AND ")
}

// addAny adds a condition on a list, unless the list is absent or empty.
func addAny[T any](w *filter, condition string, list *[]T) {
	if list != nil && len(*list) > 0 {
		w.add(condition, *list)
	}
}

// addOne adds a condition on a value, unless it is absent.
func addOne[T any](w *filter, condition string, value *T) {
	if value != nil {
		w.add(condition, *value)
	}
}

// findingFilter turns the parameters of listFindings into conditions on
// findings f.
func findingFilter(p api.ListFindingsParams) (*filter, error) {
	var f rest.Fields
	w := &filter{}
	if orElse(p.Scans, api.LatestScans) == api.LatestScans {
		w.conditions = append(w.conditions, "f.scan_id IN (SELECT pp.scan_id FROM provider_posture pp)")
	}
	addOne(w, "f.scan_id IN (SELECT s.id FROM scans s WHERE s.provider_id = $?::uuid)", p.ProviderId)
	addAny(w, "f.severity = ANY ($?::severity[])", labels[tenantdb.Severity](p.Severity))
	addAny(w, "f.status = ANY ($?::finding_status[])", labels[tenantdb.FindingStatus](p.Status))
	if p.Delta != nil {
		w.add("f.delta = $?::finding_delta", tenantdb.FindingDelta(*p.Delta))
	}
	addAny(w, "f.check_id = ANY ($?::text[])", p.Check)
	addAny(w, "f.service = ANY ($?::text[])", p.Service)
	addAny(w, "f.region = ANY ($?::text[])", p.Region)
	addOne(w, `f.id IN (
        SELECT fr.finding_id
        FROM finding_resources fr
        JOIN resources r ON r.id = fr.resource_id
        WHERE r.uid = $?::text
    )`, p.Resource)
	addOne(w, "f.muted = $?::boolean", p.Muted)
	addOne(w, "to_tsvector('english', f.status_detail) @@ websearch_to_tsquery('english', $?::text)", p.Search)
	addOne(w, "f.created_at >= $?::timestamptz", rest.Take(&f, "query.seen_from", optionalUTC, p.SeenFrom))
	addOne(w, "f.created_at < $?::timestamptz", rest.Take(&f, "query.seen_until", optionalUTC, p.SeenUntil))
	return w, f.Invalid()
}

var optionalUTC = rest.Null(rest.OpenPointer[time.Time], rest.UTC, rest.BuildPointer[time.Time])

// labels are the values of a list in the database's enum. As its own type, and
// not cast from text for every row, the list can be looked up in an index.
func labels[B, A ~string](list *[]A) *[]B {
	if list == nil {
		return nil
	}
	out := make([]B, len(*list))
	for i, v := range *list {
		out[i] = B(v)
	}
	return &out
}

// order is a way to sort findings. Together with the id the column is unique,
// so a page can begin after the row that the one before ended with.
type order struct {
	column     string
	sqlType    string
	descending bool
	key        func(tenantdb.ListScanFindingsRow) (string, error)
	parse      func(string) (any, error)
}

// findingOrder is the only way from a client's sort to a column.
func findingOrder(sort api.FindingSort) (order, bool) {
	switch sort {
	case api.GravestFirst, api.GravestLast:
		return order{"f.severity", "severity", sort == api.GravestFirst, severityKey, parseSeverity}, true
	case api.LatestFirst, api.LatestLast:
		return order{"f.created_at", "timestamptz", sort == api.LatestFirst, createdKey, parseTime}, true
	case api.RiskiestFirst, api.RiskiestLast:
		return order{"f.risk_score", "numeric", sort == api.RiskiestFirst, riskKey, parseDecimal}, true
	default:
		return order{}, false
	}
}

func (o order) direction() (keyword, beyond string) {
	if o.descending {
		return "DESC", "<"
	}
	return "ASC", ">"
}

// after limits the page to the rows beyond a key.
func (o order) after(w *filter, key any, id uuid.UUID) {
	_, beyond := o.direction()
	w.conditions = append(w.conditions, fmt.Sprintf("(%s, f.id) %s (%s::%s, %s::uuid)",
		o.column, beyond, w.arg(key), o.sqlType, w.arg(id)))
}

func (o order) by() string {
	keyword, _ := o.direction()
	return fmt.Sprintf("ORDER BY %s %s, f.id %s", o.column, keyword, keyword)
}

func severityKey(r tenantdb.ListScanFindingsRow) (string, error) { return string(r.Severity), nil }

func createdKey(r tenantdb.ListScanFindingsRow) (string, error) {
	return r.CreatedAt.UTC().Format(time.RFC3339Nano), nil
}

func riskKey(r tenantdb.ListScanFindingsRow) (string, error) {
	return rest.DecimalToString[string](r.RiskScore)
}

// A cursor comes back from the client: a key that the database could not read
// is the client's mistake and is told so before it gets there.
var errCursorKey = errors.New("not a cursor of this list")

func parseSeverity(key string) (any, error) {
	if !api.Severity(key).Valid() {
		return nil, errCursorKey
	}
	return tenantdb.Severity(key), nil
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
