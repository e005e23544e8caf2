package resttest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	// panicked is what the handler panicked with.
	panicked any
}

// unzipped is the body of an answer, which middleware may have compressed.
func unzipped(w *httptest.ResponseRecorder) []byte {
	if w.Result().Header.Get("Content-Encoding") != "gzip" {
		return w.Body.Bytes()
	}
	in, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		return w.Body.Bytes() // It fails as what it is.
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return w.Body.Bytes()
	}
	return body
}

// value is the body as JSON; nil when it is none.
func (a *answer) value() any {
	v, err := decode(a.body)
	if err != nil {
		return nil
	}
	return v
}

// decode reads one JSON value and keeps the digits of its numbers.
func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// fault says what is wrong with an answer; nil when it is as documented, which
// is by its number where numbered is set.
func (d *document) fault(r *request, a *answer, numbered bool) error {
	switch {
	case a.panicked != nil:
		return fmt.Errorf("the connection was cut: panic: %v", a.panicked)
	case a.status >= http.StatusInternalServerError:
		return fmt.Errorf("status %d", a.status)
	case r.stray:
		return nil
	}
	documented := r.op.Responses.Value(strconv.Itoa(a.status))
	if documented == nil && !numbered && a.status >= http.StatusBadRequest {
		documented = r.op.Responses.Default()
	}
	switch {
	case documented == nil:
		return fmt.Errorf("status %d is not among those of the operation", a.status)
	case r.wrong != "" && a.status < http.StatusBadRequest:
		return fmt.Errorf("status %d, but the document does not allow %s", a.status, r.wrong)
	case r.method == http.MethodHead:
		return nil
	}
	return errors.Join(headerFault(documented.Value, a), d.bodyFault(documented.Value, a))
}

func headerFault(documented *openapi3.Response, a *answer) error {
	var errs []error
	for _, name := range sortedKeys(documented.Headers) {
		header := documented.Headers[name].Value
		values := a.header.Values(name)
		switch {
		case len(values) == 0 && header.Required:
			errs = append(errs, fmt.Errorf("%d lacks the header %s", a.status, name))
		case len(values) == 0 || header.Schema == nil:
		default:
			value := readText(header.Schema.Value, values[0])
			if err := header.Schema.Value.VisitJSON(value, append(checks, openapi3.VisitAsResponse())...); err != nil {
				errs = append(errs, fmt.Errorf("%d has the header %s: %q: %w", a.status, name, values, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (d *document) bodyFault(documented *openapi3.Response, a *answer) error {
	if len(documented.Content) == 0 {
		if len(a.body) > 0 {
			return fmt.Errorf("%d has a body, which is not documented", a.status)
		}
		return nil
	}
	contentType := a.header.Get("Content-Type")
	media := documented.Content.Get(contentType)
	switch {
	case media == nil:
		return fmt.Errorf("%d is of the media type %q, which is not documented", a.status, contentType)
	case isJSON(contentType) && media.Schema != nil:
		return valueFault(media.Schema.Value, a.body)
	case isLines(contentType) && d.itemSchema(media) != nil:
		n := 0
		for line := range bytes.Lines(a.body) {
			n++
			if err := valueFault(d.itemSchema(media), line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
	case !utf8.Valid(a.body) && contentType != "application/octet-stream":
		return errors.New("the body is not UTF-8")
	}
	return nil
}

func valueFault(s *openapi3.Schema, text []byte) error {
	v, err := decode(text)
	if err != nil {
		return err
	}
	if err := s.VisitJSON(v, append(checks, openapi3.VisitAsResponse())...); err != nil {
		return fmt.Errorf("the body is not as documented: %w", err)
	}
	return nil
}
