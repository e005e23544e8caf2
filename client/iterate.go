package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
)

// maxLine bounds one line of a streamed answer.
const maxLine = 16 << 20

// LinesType is the media type that [Lines] reads.
const LinesType = "application/x-ndjson"

// Pages walks through the items of all pages. fetch gets one page: the first
// with an empty cursor, each further one with what came as next before; an
// empty next is the end. The walk ends with its first error, as the last pair.
func Pages[T any](fetch func(cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for cursor := ""; ; {
			items, next, err := fetch(cursor)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if next == cursor {
				yield(none, errors.New("the service's next page is the same page again"))
				return
			}
			cursor = next
		}
	}
}

// Value returns what p points to, and nothing for nil: generated code reads
// optional properties by it.
func Value[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}

// Lines walks through the values of a streamed answer, one on each line. send
// makes the request, once for each walk. An answer that breaks off, which the
// transfer tells from one that ends, is an error.
func Lines[T any](send func() (*http.Response, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		res, err := send()
		if err != nil {
			yield(none, err)
			return
		}
		defer func() { _ = res.Body.Close() }() // What is of interest has been read.
		if mediaType, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); mediaType != LinesType {
			yield(none, Unexpected(res))
			return
		}
		if err := eachLine(res.Body, yield); err != nil {
			yield(none, err)
		}
	}
}

func eachLine[T any](body io.Reader, yield func(T, error) bool) error {
	source := &source{Reader: body}
	lines := bufio.NewScanner(source)
	lines.Buffer(nil, maxLine)
	lines.Split(source.split)
	number := 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var value T
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			return fmt.Errorf("line %d of the answer: %w", number, err)
		}
		if !yield(value, nil) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("after line %d of the answer: %w", number, err)
	}
	return nil
}

// source remembers how it ended: the last line may be without its newline only
// when that was no accident.
type source struct {
	io.Reader

	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (n int, err error) {
	n, err = s.Reader.Read(p)
	s.err = err
	return n, err
}

// split is a bufio.SplitFunc.
func (s *source) split(data []byte, atEnd bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEnd && s.err == io.EOF && len(data) > 0 { //nolint:errorlint // Readers return io.EOF itself.
		return len(data), data, nil
	}
	return 0, nil, nil
}

// Unexpected is the error of an answer that is none of an operation's documented ones.
func Unexpected(res *http.Response) error {
	return fmt.Errorf("the service's answer is not a documented one: status %d, media type %q", res.StatusCode, res.Header.Get("Content-Type"))
}
