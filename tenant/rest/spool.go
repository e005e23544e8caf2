package rest

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// spoolMemory is how much of a spooled body is held in memory. It is compressed,
// and lines of JSON shrink to a tenth.
const spoolMemory = 4 << 20

// Spool takes a streamed body in to its end and gives it to be read from here.
// A transaction that reads from the body itself waits for the client at each
// line, and a few clients that stall hold every connection to the database: so a
// handler spools before it begins one.
//
// The body is held compressed, up to 4 MiB in memory and beyond that in a file
// of os.TempDir, until the response has been sent. One that is too large is 413,
// and one that breaks off 400. All of a time are bounded by Options.MaxSpooled: a
// tenant that would take up more than a quarter of it is answered 429, and when all
// of it is taken up everybody 503, with Retry-After.
func Spool(ctx context.Context, body io.Reader) (io.Reader, error) {
	held := newSpool(ctx)
	AtEnd(ctx, held.close)
	packer, err := flate.NewWriter(held, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("spool the body: %w", err)
	}
	if _, err = io.Copy(packer, body); err == nil {
		err = packer.Close()
	}
	if held.err != nil {
		return nil, held.err
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, &StatusError{
			Problem: Problem{Status: http.StatusBadRequest, Errors: []FieldError{{In: inBody, Detail: cutShort}}},
			Err:     err,
		}
	}
	from, err := held.reader()
	if err != nil {
		return nil, err
	}
	spooled := &spooledBody{Reader: flate.NewReader(from)}
	if ex := exchangeOf(ctx); ex != nil {
		spooled.response = ex.response
	}
	return spooled, nil
}

// spool holds bytes in memory, and all of them in a file once they are many.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	err    error // not for what the body is
	// budget is what the bytes are taken from, for a tenant; nil outside of Wrap.
	budget *budget
	of     tenant.ID
	taken  int64
}

func newSpool(ctx context.Context) *spool {
	s := &spool{}
	if ex := exchangeOf(ctx); ex != nil {
		s.budget = ex.spooled
	}
	if t, ok := tenant.FromContext(ctx); ok {
		s.of = t.ID
	}
	return s
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	if s.budget != nil {
		if s.err = s.budget.take(s.of, len(p)); s.err != nil {
			return 0, s.err
		}
		s.taken += int64(len(p))
	}
	if s.file == nil && s.memory.Len()+len(p) <= spoolMemory {
		return s.memory.Write(p)
	}
	n, err := s.spill(p)
	if err != nil {
		s.err = fmt.Errorf("spool the body: %w", err)
	}
	return n, s.err
}

func (s *spool) spill(p []byte) (int, error) {
	if s.file == nil {
		file, err := os.CreateTemp("", "bailiwick-body-*")
		if err != nil {
			return 0, err
		}
		s.file = file
		_ = os.Remove(file.Name()) // Where a file in use can be removed, nothing is left even by a crash.
		if _, err := s.memory.WriteTo(file); err != nil {
			return 0, err
		}
		s.memory = bytes.Buffer{}
	}
	return s.file.Write(p)
}

func (s *spool) reader() (io.Reader, error) {
	if s.file == nil {
		return &s.memory, nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the spooled body: %w", err)
	}
	return s.file, nil
}

func (s *spool) close() {
	s.memory = bytes.Buffer{}
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name()) // Already gone, but on Windows.
	}
	if s.budget != nil {
		s.budget.give(s.of, s.taken)
	}
}

// spooledBody is read by a handler that is at work: the time to send its answer
// begins anew, and it ends when the client may not go on.
type spooledBody struct {
	io.Reader

	response *response
}

// Read implements io.Reader.
func (b *spooledBody) Read(p []byte) (int, error) {
	if b.response != nil {
		if err := b.response.goesOn(); err != nil {
			return 0, err
		}
		b.response.extend(false)
	}
	return b.Reader.Read(p) // Errors are passed on as they are.
}
