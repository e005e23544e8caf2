package main

import (
	"net/http"
	"strings"
	"testing"
)

// What is stored must be answerable: the year of a time counts in UTC.
func TestTimesThatNoAnswerCouldHold(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	_, created := c.send(t, 0, "POST", "/v1/providers", `{"kind":"aws","uid":"123456789012"}`)
	provider := property(t, created, "id")
	for at, want := range map[string]int{
		"9999-12-31T23:59:59-14:00": http.StatusUnprocessableEntity,
		"0000-01-01T00:00:00+14:00": http.StatusUnprocessableEntity,
		"9999-12-31T23:59:59Z":      http.StatusCreated,
	} {
		status, body := c.send(t, 0, "POST", "/v1/scans", `{"provider_id":"`+provider+`","scheduled_at":"`+at+`"}`)
		if status != want || (status != http.StatusCreated && !strings.Contains(body, `"pointer":"/scheduled_at"`)) {
			t.Errorf("%s: %d %s", at, status, body)
		}
	}
	if status, body := c.send(t, 0, "GET", "/v1/scans", ""); status != http.StatusOK || strings.Count(body, `"provider_id"`) != 1 {
		t.Errorf("list: %d %s", status, body)
	}
	for _, name := range []string{"seen_from", "seen_until"} {
		status, body := c.send(t, 0, "GET", "/v1/findings?"+name+"=9999-12-31T23:59:59-14:00", "")
		if status != http.StatusBadRequest || !strings.Contains(body, `"parameter":"`+name+`"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// Neither may a duration lead to such a time, in the row or in a later query.
func TestDurationsThatReachTooFar(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	_, created := c.send(t, 0, "POST", "/v1/providers", `{"kind":"aws","uid":"123456789012"}`)
	provider := property(t, created, "id")
	_, created = c.send(t, 0, "POST", "/v1/scans", `{"provider_id":"`+provider+`"}`)
	scan := "/v1/scans/" + property(t, created, "id")
	c.send(t, 0, "POST", scan+"/start", "")
	c.send(t, 0, "POST", scan+"/finish", "")
	for keep, want := range map[string]int{
		"P9000Y": http.StatusUnprocessableEntity, "P2000000000D": http.StatusUnprocessableEntity, "P100000000Y": http.StatusUnprocessableEntity, "P10Y": http.StatusCreated,
	} {
		status, body := c.send(t, 0, "POST", scan+"/reports", `{"title":"Audit","format":"csv","keep_for":"`+keep+`"}`)
		if status != want {
			t.Errorf("keep for %s: %d %s", keep, status, body)
		}
		status, body = c.send(t, 0, "PATCH", "/v1/providers/"+provider, `{"scan_every":"`+keep+`"}`)
		if status != http.StatusUnprocessableEntity {
			t.Errorf("scan every %s: %d %s", keep, status, body)
		}
	}
	if status, body := c.send(t, 0, "GET", "/v1/reports", ""); status != http.StatusOK || strings.Count(body, `"scan_id"`) != 1 {
		t.Errorf("reports: %d %s", status, body)
	}
}

// A row that was written by other means is a whole problem and not half a list;
// the log names the column, and the neighbours' rows are not touched.
func TestRowsThatNoAnswerCanHold(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	for _, value := range []string{"infinity", "-infinity", "10000-01-01", "0044-03-15 BC"} {
		_, created := c.send(t, 0, "POST", "/v1/providers", `{"kind":"aws","uid":"123456789012"}`)
		provider := property(t, created, "id")
		_, scan := c.send(t, 0, "POST", "/v1/scans", `{"provider_id":"`+provider+`"}`)
		execOwner(t, c.DB, "UPDATE "+c.Tenants[0].Schema()+".scans SET scheduled_at = $1::text::timestamptz", value)
		execOwner(t, c.DB, "UPDATE "+c.Tenants[0].Schema()+".providers SET onboarded_on = $1::text::date", value)
		before := len(c.log.String())
		for column, path := range map[string]string{
			"scheduled_at": "/v1/scans", "onboarded_on": "/v1/providers",
		} {
			status, body := c.send(t, 0, "GET", path, "")
			if status != http.StatusInternalServerError || !strings.HasPrefix(body, `{"type":`) || strings.Contains(body, column) {
				t.Errorf("%s in %s: %d %s", value, path, status, body)
			}
			if log := c.log.String()[before:]; !strings.Contains(log, column) {
				t.Errorf("%s: the log does not name %s:\n%s", value, column, log)
			}
		}
		if status, body := c.send(t, 0, "POST", "/v1/scans/"+property(t, scan, "id")+"/start", ""); status != http.StatusInternalServerError || !strings.HasPrefix(body, `{"type":`) {
			t.Errorf("%s: start: %d %s", value, status, body)
		}
		if status, body := c.send(t, 1, "GET", "/v1/scans", ""); status != http.StatusOK {
			t.Errorf("%s: the neighbour: %d %s", value, status, body)
		}
		execOwner(t, c.DB, "DELETE FROM "+c.Tenants[0].Schema()+".providers")
	}
}

// jsonb holds more digits than a float64.
func TestNumbersOfFreeFormJSONAreKept(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	for _, labels := range []string{
		`{"n": 9223372036854775807}`, `{"n": -9007199254740993}`, `{"n": [18446744073709551615, {"m": 9007199254740993}]}`, `{"n": 1.5}`, `{"n": 1e3}`,
	} {
		status, body := c.send(t, 0, "POST", "/v1/providers", `{"kind":"aws","uid":"123456789012","labels":`+labels+`}`)
		want := strings.ReplaceAll(strings.ReplaceAll(labels, " ", ""), "1e3", "1000")
		if status != http.StatusCreated || !strings.Contains(body, `"labels":`+want) {
			t.Errorf("%s: %d %s", labels, status, body)
			continue
		}
		path := "/v1/providers/" + property(t, body, "id")
		status, body = c.send(t, 0, "PATCH", path, `{"labels":{"again":`+labels+`,"n":null}}`)
		if status != http.StatusOK || !strings.Contains(body, `"labels":{"again":`+want+`}`) {
			t.Errorf("%s: %d %s", labels, status, body)
		}
		c.send(t, 0, "DELETE", path, "")
	}
}

// A PATCH is a merge patch (RFC 7396) at every depth: the labels that it does not
// name stay.
func TestLabelsAreMerged(t *testing.T) {
	t.Parallel()
	c := newConfigured(t)
	_, body := c.send(t, 0, "POST", "/v1/providers", `{"kind":"aws","uid":"123456789012","labels":{"a":{"x":1,"y":[1,2]},"b":"b","n":null}}`)
	path := "/v1/providers/" + property(t, body, "id")
	for _, step := range [][2]string{
		{`{"c":1}`, `{"a":{"x":1,"y":[1,2]},"b":"b","c":1,"n":null}`},
		{`{"a":{"x":null,"z":{"k":null,"l":true}},"c":null,"n":null}`, `{"a":{"y":[1,2],"z":{"l":true}},"b":"b"}`},
		{`{"a":{"y":[3]},"b":{"deep":{"er":null}}}`, `{"a":{"y":[3],"z":{"l":true}},"b":{"deep":{}}}`},
		{`{}`, `{"a":{"y":[3],"z":{"l":true}},"b":{"deep":{}}}`},
		{`{"a":null,"b":null}`, `{}`},
	} {
		status, body := c.send(t, 0, "PATCH", path, `{"labels":`+step[0]+`}`)
		if status != http.StatusOK || !strings.Contains(body, `"labels":`+step[1]+`,`) {
			t.Errorf("%s: %d %s, want %s", step[0], status, body, step[1])
		}
	}
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	if status, body := c.send(t, 0, "PATCH", path, `{"labels":`+deep+`}`); status != http.StatusUnprocessableEntity {
		t.Errorf("a patch that is too deep: %d %s", status, body)
	}
}
