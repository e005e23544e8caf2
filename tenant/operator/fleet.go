package operator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

func (a *api) listAudit(r *http.Request) (answer, error) {
	filter, err := auditFilter(r.URL.Query())
	if err != nil {
		return answer{}, err
	}
	limit := filter.Limit
	filter.Limit++
	entries, err := a.catalog.Audit(r.Context(), filter)
	if err != nil {
		return answer{}, err
	}
	page := struct {
		Items      []catalog.AuditEntry `json:"items"`
		NextBefore *int64               `json:"next_before"`
	}{Items: append([]catalog.AuditEntry{}, entries[:min(limit, len(entries))]...)} // Never null.
	if len(entries) > limit { // There is another page.
		page.NextBefore = &entries[limit-1].ID
	}
	return answer{http.StatusOK, page}, nil
}

// auditFilter reads a query that has been validated.
func auditFilter(query url.Values) (f catalog.AuditFilter, err error) {
	f = catalog.AuditFilter{Action: query.Get("action"), Actor: query.Get("actor"), Run: query.Get("run")}
	if text := query.Get("tenant"); text != "" {
		f.Tenant = ref(text)
	}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if text := query.Get(name); text != "" {
			if *to, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return f, unreadable(name, err)
			}
		}
	}
	if text := query.Get("before"); text != "" {
		if f.Before, err = strconv.ParseInt(text, 10, 64); err != nil {
			return f, unreadable("before", err)
		}
	}
	if f.Limit, err = strconv.Atoi(query.Get("limit")); err != nil {
		return f, unreadable("limit", err)
	}
	return f, nil
}

func (a *api) examine(r *http.Request) (answer, error) {
	found, err := a.catalog.Doctor(r.Context())
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, struct {
		Items []catalog.Trouble `json:"items"`
	}{append([]catalog.Trouble{}, found...)}}, nil
}

// mend mends trouble of the named kinds. What can't be mended keeps no other from
// it.
func (a *api) mend(r *http.Request) (answer, error) {
	body, err := read[struct {
		Kinds []string
		Slug  string
	}](r)
	if err != nil {
		return answer{}, err
	}
	found, err := a.catalog.Doctor(r.Context())
	if err != nil {
		return answer{}, err
	}
	result := struct {
		Mended []catalog.Trouble `json:"mended"`
		Left   []catalog.Trouble `json:"left"`
	}{[]catalog.Trouble{}, []catalog.Trouble{}}
	for _, t := range found {
		if !slices.Contains(body.Kinds, t.Kind) || (body.Slug != "" && body.Slug != t.Slug) {
			continue
		}
		if !t.Mendable {
			result.Left = append(result.Left, t)
		} else if err := a.catalog.Mend(r.Context(), t); err != nil {
			t.Mend = "it could not be mended: " + detail(err)
			result.Left = append(result.Left, t)
		} else {
			result.Mended = append(result.Mended, t)
		}
	}
	return answer{http.StatusOK, result}, nil
}
