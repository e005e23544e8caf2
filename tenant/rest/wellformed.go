package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// wellFormed refuses what the decoders behind it would read leniently: they
// drop the parts of a query that they can't read, stop at the end of the first
// JSON value, and replace bytes that are not UTF-8.
func wellFormed(hasBody bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := checkQuery(r)
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

func checkQuery(r *http.Request) error {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return malformed(http.StatusBadRequest, FieldError{In: "query", Detail: unreadable})
	}
	return nil
}

// checkBody reads a body of JSON and puts it back. Other bodies are left unread.
func checkBody(r *http.Request) error {
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
		return malformed(http.StatusBadRequest, FieldError{In: inBody, Detail: "can't be read to its end"})
	case !utf8.Valid(data):
		return malformed(http.StatusBadRequest, FieldError{In: inBody, Detail: "is not UTF-8"})
	case len(data) > 0 && !json.Valid(data):
		return malformed(http.StatusBadRequest, FieldError{In: inBody, Detail: unreadable})
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

func malformed(status int, field FieldError) error {
	return &StatusError{Problem: Problem{Status: status, Errors: []FieldError{field}}}
}
