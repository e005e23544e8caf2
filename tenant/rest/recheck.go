package rest

import (
	"context"
	"time"
)

// recheckEvery is how often a long answer is looked at: not for each line, and so
// often that who may not have it any more gets no more of it within a second.
const recheckEvery = 250 * time.Millisecond

// Recheck has check asked again and again while the answer to the request is
// written by [Stream], since what Options.Authenticate has found can end before the
// answer does. An error of check cuts the connection. It is called by the
// goroutine that writes, and should be quick. Outside of [Wrap] it is never called.
func Recheck(ctx context.Context, check func() error) {
	if ex := exchangeOf(ctx); ex != nil {
		ex.response.recheck, ex.response.checked = check, time.Now()
	}
}

// goesOn tells whether more of the answer may be written. Once it may not, it never
// may again.
func (w *response) goesOn() error {
	if w.recheck == nil || w.ended != nil || time.Since(w.checked) < recheckEvery {
		return w.ended
	}
	w.ended = w.recheck()
	w.checked = time.Now()
	return w.ended
}
