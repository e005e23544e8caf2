package rest

import (
	"context"
	"io"
	"time"
)

// recheckEvery is how often a long request is looked at: not for each line, and so
// often that who may not go on any more is stopped within a second.
const recheckEvery = 250 * time.Millisecond

// Recheck has check asked again and again while the body of the request is read,
// from the client or from what [Spool] holds, and while the answer is written by
// [Stream], since what Options.Authenticate has found can end before these do. An
// error of check is the answer to the request, see [WriteError], and cuts the
// connection where the answer has begun. Check is called by the goroutine that reads
// or writes, and should be quick. Outside of [Wrap] it is never called.
func Recheck(ctx context.Context, check func() error) {
	if ex := exchangeOf(ctx); ex != nil {
		ex.response.recheck, ex.response.checked = check, time.Now()
	}
}

// goesOn tells whether more of the body may be read and of the answer written. Once
// it may not, it never may again.
func (w *response) goesOn() error {
	if w.recheck == nil || w.ended != nil || time.Since(w.checked) < recheckEvery {
		return w.ended
	}
	w.ended = w.recheck()
	w.checked = time.Now()
	return w.ended
}

// watchedBody is a body that may not come to its end: it takes as long as the client
// wants, and what let the client in can end meanwhile.
type watchedBody struct {
	io.ReadCloser

	response *response
}

// Read implements io.Reader. It looks after it has waited, so that the last bytes
// are no exception.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if ended := b.response.goesOn(); ended != nil {
		return 0, ended
	}
	return n, err // A body's errors are passed on as they are.
}
