package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// deprecation makes the headers that every answer of a deprecated operation
// has: Deprecation (RFC 9745), Sunset (RFC 8594) and a Link of the relation
// deprecation. They announce and change nothing, also after the date.
func deprecation(op *openapi3.Operation) (http.Header, error) {
	header := http.Header{}
	if !op.Deprecated {
		return header, nil
	}
	since, _, err := date(op, "x-deprecated-since")
	if err != nil {
		return nil, err
	}
	header.Set("Deprecation", "@"+strconv.FormatInt(since.Unix(), 10))
	end, found, err := date(op, "x-sunset")
	if err != nil {
		return nil, err
	}
	if found {
		header.Set("Sunset", end.Format(http.TimeFormat))
	}
	if link, ok := op.Extensions["x-deprecation-link"].(string); ok {
		header.Set("Link", "<"+link+`>; rel="deprecation"`)
	}
	return header, nil
}

// date reads an extension that is a date: midnight in UTC. An absent one is the
// epoch, which as the beginning of a deprecation says: for all time.
func date(op *openapi3.Operation, name string) (time.Time, bool, error) {
	value, found := op.Extensions[name]
	if !found {
		return time.Unix(0, 0), false, nil
	}
	at, err := time.Parse(time.DateOnly, strings.TrimSuffix(fmt.Sprint(value), "T00:00:00Z")) // What a reader of YAML may make of it.
	if err != nil {
		return at, false, fmt.Errorf("%s %v is no date; write one such as 2027-06-30", name, value)
	}
	return at, true, nil
}
