package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// wellFormed refuses what the decoders behind it would read leniently: they
// drop the parts of a query that they can't read, take 1 and T for true, stop at
// the end of the first JSON value, and replace bytes that are not UTF-8.
func wellFormed(params openapi3.Parameters, hasBody bool, next http.Handler) http.Handler {
	flags := booleans(params)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := checkTarget(r, flags)
		if err == nil && hasBody {
			err = checkBody(r)
		}
		if err != nil {
			WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkTarget looks at the path and the query. Neither may hold bytes that are
// no text, nor NUL, which no text of PostgreSQL holds.
func checkTarget(r *http.Request, flags []string) error {
	if !isText(r.URL.Path) {
		return malformed(http.StatusBadRequest, FieldError{In: openapi3.ParameterInPath, Detail: notText})
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed(http.StatusBadRequest, FieldError{In: openapi3.ParameterInQuery, Detail: unreadable})
	}
	for name, values := range query {
		if !isText(name) || slices.ContainsFunc(values, func(v string) bool { return !isText(v) }) {
			return malformed(http.StatusBadRequest, FieldError{In: openapi3.ParameterInQuery, Detail: notText})
		}
	}
	for _, name := range flags {
		if slices.ContainsFunc(query[name], func(v string) bool { return v != "" && v != "true" && v != "false" }) {
			return malformed(http.StatusBadRequest, FieldError{In: openapi3.ParameterInQuery, Parameter: name, Detail: "must be true or false"})
		}
	}
	return nil
}

// notText is the detail of bytes that stand where a text is wanted.
const notText = "is not UTF-8, or holds NUL"

func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// booleans are the parameters of the query that are true or false.
func booleans(params openapi3.Parameters) []string {
	var names []string
	for _, p := range params {
		if p.Value.In == openapi3.ParameterInQuery && p.Value.Schema != nil && p.Value.Schema.Value.Type.Is(openapi3.TypeBoolean) {
			names = append(names, p.Value.Name)
		}
	}
	return names
}

// checkBody reads a body of JSON and puts it back. Other bodies are left unread.
func checkBody(r *http.Request) error {
	if err := checkCoding(r); err != nil {
		return err
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil // The validator knows whether a body is wanted at all.
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return malformed(http.StatusUnsupportedMediaType, FieldError{In: inBody, Detail: "the media type can't be read"})
	}
	if charset, found := params["charset"]; found && !strings.EqualFold(charset, "utf-8") {
		return malformed(http.StatusUnsupportedMediaType, FieldError{In: inBody, Detail: "the character set is not UTF-8"})
	}
	if !isJSON(media) {
		return nil
	}
	data, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	switch {
	case err != nil:
		return malformed(http.StatusBadRequest, FieldError{In: inBody, Detail: cutShort})
	case !utf8.Valid(data):
		return malformed(http.StatusBadRequest, FieldError{In: inBody, Detail: "is not UTF-8"})
	}
	if detail := notJSON(data); len(data) > 0 && detail != "" {
		return malformed(http.StatusBadRequest, FieldError{In: inBody, Detail: detail})
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

// notJSON says where a text stops being JSON, without quoting any of it; empty
// when it is JSON.
func notJSON(data []byte) string {
	var value json.RawMessage
	err := json.Unmarshal(data, &value)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("is not JSON, see byte %d", syntax.Offset)
	}
	if err != nil {
		return "is not JSON"
	}
	return ""
}

// checkCoding refuses a body that is compressed, whose bytes would be read as
// text. Accept-Encoding in the answer says why (RFC 9110, 12.5.3).
func checkCoding(r *http.Request) error {
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(coding), identity) {
			return &StatusError{
				Problem: Problem{Status: http.StatusUnsupportedMediaType, Errors: []FieldError{{
					In: inHeader, Parameter: "Content-Encoding", Detail: "the body must be sent as it is, not compressed",
				}}},
				Header: http.Header{"Accept-Encoding": {identity}},
			}
		}
	}
	return nil
}

// identity is the coding that changes nothing.
const identity = "identity"

func malformed(status int, field FieldError) error {
	return &StatusError{Problem: Problem{Status: status, Errors: []FieldError{field}}}
}
