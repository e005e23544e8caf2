package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/oapi-codegen/runtime"
)

// maxLine is the most bytes that one line of a body may have.
const maxLine = 1 << 20

// Lines reads a body of NDJSON: one value of JSON on each line, none of them
// blank, at most 1 MiB long. Each is validated against the x-item-schema of the
// request's media type, and its defaults are applied. Only one line is held at
// a time.
//
// An error comes last. After a line that is wrong no value is given any more,
// but the rest is read to tell the client of up to 20 errors at once: 422, or
// 400 when one can't be read at all, each with its line number. Whoever has
// begun to store the values has to take them back.
func Lines[T any](ctx context.Context, body io.Reader) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		in := lineReader{in: bufio.NewReaderSize(body, 64<<10)}
		check := lineChecker{}
		if ex := exchangeOf(ctx); ex != nil {
			check.schema = ex.item
		}
		for !check.full() {
			line, err := in.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(zero, in.failed(err))
				return
			}
			var item T
			check.read(in.number, line, &item)
			if len(check.errs) == 0 && !yield(item, nil) {
				return
			}
		}
		if err := check.failed(in.number); err != nil {
			yield(zero, err)
		}
	}
}

// bindLine makes the handler's type of a validated value, with its integers
// exact and names of members compared exactly.
func bindLine(value, item any) error {
	value = exact(value)
	if runtime.BindJSONValue(value, item) == nil {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	if err := json.Unmarshal(data, item); err != nil {
		return fmt.Errorf("decode a line: %w", err)
	}
	return nil
}

// lineReader reads lines into one buffer.
type lineReader struct {
	in     *bufio.Reader
	buf    []byte
	number int
}

var errLongLine = fmt.Errorf("is longer than %d bytes", maxLine)

// next gives the next line without its end, good until the next call. At the
// end it is io.EOF. A body that breaks off gives its error and never half a line.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	l.number++
	for {
		part, err := l.in.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		ended := err == nil
		if errors.Is(err, io.EOF) {
			if len(l.buf) == 0 {
				l.number--
				return nil, io.EOF
			}
			err, ended = nil, true
		}
		switch line := bytes.TrimSuffix(l.buf, []byte("\n")); {
		case len(line) > maxLine:
			return nil, errLongLine
		case ended:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// failed is the answer to a body that can't be read on.
func (l *lineReader) failed(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if errors.Is(err, errLongLine) {
		return malformed(http.StatusRequestEntityTooLarge, atLine(l.number, FieldError{In: inBody, Detail: err.Error()}))
	}
	return &StatusError{
		Problem: Problem{Status: http.StatusBadRequest, Errors: []FieldError{atLine(l.number, FieldError{In: inBody, Detail: cutShort})}},
		Err:     err,
	}
}

// lineChecker validates lines and gathers what is wrong with them.
type lineChecker struct {
	schema *openapi3.Schema
	errs   []FieldError
	status int
}

func (c *lineChecker) full() bool { return len(c.errs) >= maxFieldErrors }

func (c *lineChecker) add(number, status int, fields ...FieldError) {
	if len(c.errs) == 0 {
		c.status = status
	}
	c.status = min(c.status, status)
	for _, field := range fields {
		if !c.full() {
			c.errs = append(c.errs, atLine(number, field))
		}
	}
}

// read makes the handler's value of a line, or notes what is wrong with it.
func (c *lineChecker) read(number int, line []byte, item any) {
	value, ok := c.value(number, line)
	if ok && bindLine(value, item) != nil {
		c.add(number, http.StatusUnprocessableEntity, FieldError{In: inBody, Detail: "does not fit the schema's type"})
	}
}

// value decodes and validates a line.
func (c *lineChecker) value(number int, line []byte) (any, bool) {
	switch {
	case !utf8.Valid(line):
		c.add(number, http.StatusBadRequest, FieldError{In: inBody, Detail: "is not UTF-8"})
		return nil, false
	case len(bytes.TrimSpace(line)) == 0:
		c.add(number, http.StatusBadRequest, FieldError{In: inBody, Detail: "is blank"})
		return nil, false
	}
	if detail := notJSON(line); detail != "" {
		c.add(number, http.StatusBadRequest, FieldError{In: inBody, Detail: detail})
		return nil, false
	}
	var value any
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if dec.Decode(&value) != nil {
		c.add(number, http.StatusBadRequest, FieldError{In: inBody, Detail: unreadable})
		return nil, false
	}
	if c.schema == nil {
		return value, true
	}
	if err := c.schema.VisitJSON(value, lineOptions...); err != nil {
		status, fields := requestErrors(&openapi3filter.RequestError{Err: err})
		c.add(number, status, fields...)
		return nil, false
	}
	setDefaults(c.schema, value)
	return value, true
}

// lineOptions validate a line as a body is validated.
var lineOptions = append(slices.Clone(formats), openapi3.VisitAsRequest(), openapi3.MultiErrors())

func (c *lineChecker) failed(number int) error {
	if len(c.errs) == 0 {
		return nil
	}
	problem := Problem{Status: c.status, Errors: c.errs}
	if c.full() {
		problem.Detail = fmt.Sprintf("the first %d errors are listed; nothing was read after line %d", maxFieldErrors, number)
	}
	return &StatusError{Problem: problem}
}

func atLine(number int, field FieldError) FieldError {
	field.Detail = fmt.Sprintf("line %d: %s", number, field.Detail)
	return field
}
