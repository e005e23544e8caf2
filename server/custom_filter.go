package main

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// addAny adds a condition on a list, unless the list is absent or empty.
func addAny[T any](w *tenant.Filter, condition tenant.SQL, list *[]T) {
	if list != nil && len(*list) > 0 {
		w.And(condition, *list)
	}
}

// addLabels is addAny for values of an enum. As their own type, and not cast
// from text for every row, they can be looked up in an index.
func addLabels[B, A ~string](w *tenant.Filter, condition tenant.SQL, list *[]A) {
	if values := orZero(list); len(values) > 0 {
		w.And(condition, labels[B](values))
	}
}

// addOne adds a condition on a value, unless it is absent.
func addOne[T any](w *tenant.Filter, condition tenant.SQL, value *T) {
	if value != nil {
		w.And(condition, *value)
	}
}

// findingFilter turns the parameters of listFindings into conditions on
// findings f.
func findingFilter(p api.ListFindingsParams) (*tenant.Filter, error) {
	var f rest.Fields
	w := &tenant.Filter{}
	switch {
	case p.ScanId != nil:
		w.And("f.scan_id = $?::uuid", *p.ScanId)
	case orElse(p.Scans, api.LatestScans) == api.LatestScans:
		w.And("f.scan_id IN (SELECT pp.scan_id FROM provider_posture pp)")
	}
	addOne(w, "f.scan_id IN (SELECT s.id FROM scans s WHERE s.provider_id = $?::uuid)", p.ProviderId)
	addLabels[tenantdb.Severity](w, "f.severity = ANY ($?::severity[])", p.Severity)
	addLabels[tenantdb.FindingStatus](w, "f.status = ANY ($?::finding_status[])", p.Status)
	if p.Delta != nil {
		w.And("f.delta = $?::finding_delta", tenantdb.FindingDelta(*p.Delta))
	}
	addAny(w, "f.check_id = ANY ($?::text[])", p.Check)
	addAny(w, "f.service = ANY ($?::text[])", p.Service)
	addAny(w, "f.region = ANY ($?::text[])", p.Region)
	addAny(w, "f.categories && $?::text[]", p.Category)
	addOne(w, aboutResource("r.uid = $?::text"), p.Resource)
	if tags := orZero(p.Tag); len(tags) > 0 {
		w.And(aboutResource("r.tags @> $?::jsonb"), rest.Take(&f, "query.tag", tagObject, tags))
	}
	addOne(w, "f.muted = $?::boolean", p.Muted)
	addOne(w, "to_tsvector('english', f.status_detail) @@ websearch_to_tsquery('english', $?::text)", p.Search)
	addOne(w, "f.created_at >= $?::timestamptz", rest.Take(&f, "query.seen_from", optionalUTC, p.SeenFrom))
	addOne(w, "f.created_at < $?::timestamptz", rest.Take(&f, "query.seen_until", optionalUTC, p.SeenUntil))
	addOne(w, "f.first_seen_at >= $?::timestamptz", rest.Take(&f, "query.first_seen_from", optionalUTC, p.FirstSeenFrom))
	addOne(w, "f.first_seen_at < $?::timestamptz", rest.Take(&f, "query.first_seen_until", optionalUTC, p.FirstSeenUntil))
	return w, f.Invalid()
}

// aboutResource is the condition that a finding is about a resource r.
func aboutResource(condition tenant.SQL) tenant.SQL {
	return `f.id IN (
        SELECT fr.finding_id
        FROM finding_resources fr
        JOIN resources r ON r.id = fr.resource_id
        WHERE ` + condition + `
    )`
}

var errTag = errors.New("must be name=value")

// tagObject makes the object that tags must contain of name=value texts.
func tagObject(texts []string) ([]byte, error) {
	tags := make(map[string]string, len(texts))
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, errTag
		}
		if other, twice := tags[name]; twice && other != value {
			return nil, errTag
		}
		tags[name] = value
	}
	return json.Marshal(tags)
}

var optionalUTC = rest.Null(rest.OpenPointer[time.Time], rest.UTC, rest.BuildPointer[time.Time])
