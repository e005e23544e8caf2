package rest

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

// flushEvery is how long a slow stream keeps what it has written from its reader.
const flushEvery = time.Second

// Stream is the body of a response that is written bit by bit and never held
// whole: write is called with the response when its turn comes. An error of
// write cuts the connection, since the status has been sent; whatever may fail
// before the first byte is better done before, by the handler itself. When the
// client has gone, w returns errors and the request's context ends; it also returns
// errors once the client may not have the answer any more, see [Recheck].
//
// The result is an io.WriterTo, which is how oapi-codegen's responses send it.
// Read is there for other uses, such as tests, and does hold everything.
func Stream(write func(w io.Writer) error) io.Reader { return &stream{write: write} }

type stream struct {
	write func(w io.Writer) error
	whole *bytes.Reader
}

// WriteTo implements io.WriterTo.
func (s *stream) WriteTo(w io.Writer) (int64, error) {
	out := &flow{to: w, response: responseOf(w), flushed: time.Now()}
	if out.response != nil && (out.response.head || out.response.unsent) {
		return 0, nil
	}
	err := s.write(out)
	if err == nil && out.response != nil {
		err = out.response.ended // Though write did not mind: half an answer must not look whole.
	}
	return out.written, err // write's errors are the handler's own.
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.whole == nil {
		var all bytes.Buffer
		if err := s.write(&all); err != nil {
			return 0, err
		}
		s.whole = bytes.NewReader(all.Bytes())
	}
	return s.whole.Read(p)
}

// flow is a response on which data flows: its deadlines move on with it.
type flow struct {
	to       io.Writer
	response *response // nil outside of Wrap
	flushed  time.Time
	written  int64
}

// Write implements io.Writer.
func (f *flow) Write(p []byte) (int, error) {
	if f.response != nil {
		if err := f.response.goesOn(); err != nil {
			return 0, err
		}
		f.response.extend(false)
	}
	n, err := f.to.Write(p)
	f.written += int64(n)
	if err != nil || f.response == nil || time.Since(f.flushed) < flushEvery {
		return n, err
	}
	f.flushed = time.Now()
	return n, f.response.FlushError()
}

// responseOf finds the response of Wrap behind the writer that a handler has.
func responseOf(w io.Writer) *response {
	for {
		switch v := w.(type) {
		case *response:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}
