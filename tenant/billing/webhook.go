package billing

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const (
	// SignatureHeader is the header that holds what [Sign] makes.
	SignatureHeader = "Stripe-Signature"
	// maxEvent bounds an event, in bytes.
	maxEvent = 256 << 10
	// warnEvery is how often the log is warned of what is signed and not taken:
	// anybody may send such a thing.
	warnEvery = time.Minute
)

// Webhook takes in the events of a payment provider. An answer of 2xx says that
// the event is kept, or needs not be: the provider sends everything else again.
type Webhook struct {
	// DB works as the runtime role.
	DB *tenant.DB
	// Secrets are those of the endpoint, at least one; two while one is replaced.
	Secrets []string
	// Wake is called when there is an event to apply. Nil means that a worker looks
	// by itself.
	Wake func()
	// Logger gets why an event was not taken. Nil means slog.Default().
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	warned atomic.Int64 // when, in seconds since 1970
}

// ServeHTTP implements http.Handler. Without a valid signature the answer is 400
// and the same, whatever the body; nothing of the body is read as JSON before.
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		rest.WriteError(w, r, &rest.StatusError{
			Problem: rest.Problem{Status: http.StatusMethodNotAllowed}, Header: http.Header{"Allow": {http.MethodPost}},
		})
		return
	}
	if err := h.take(w, r); err != nil {
		h.log(r, err)
		rest.WriteError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// log tells why an event was not taken. What looks like one of the provider's is a
// warning, once in a while: a secret that is wrong loses every event.
func (h *Webhook) log(r *http.Request, err error) {
	level, text := slog.LevelInfo, err.Error()
	signed := r.Header.Get(SignatureHeader) != ""
	switch {
	case signed && errors.Is(err, errSignature):
		text = "it is signed by none of BILLING_SECRETS, which has to hold the secret that the provider shows for this endpoint"
	case errors.Is(err, errReplay):
		text += ": it was sent again by somebody, or the clock of this machine is wrong"
	}
	now := h.now().Unix()
	if last := h.warned.Load(); signed && now-last >= int64(warnEvery.Seconds()) && h.warned.CompareAndSwap(last, now) {
		level = slog.LevelWarn
	}
	cmp.Or(h.Logger, slog.Default()).Log(r.Context(), level, "an event of billing was not taken", slog.String("error", text))
}

func (h *Webhook) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

func (h *Webhook) take(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return err
	}
	if err != nil {
		return rest.Errorf(http.StatusBadRequest, "the body can't be read")
	}
	signature := strings.Join(r.Header.Values(SignatureHeader), ",") // Two of them have two times, and are none.
	if err := Verify(signature, h.Secrets, h.now(), body); err != nil {
		return rest.Errorf(http.StatusBadRequest, "%w", err)
	}
	id, keep, err := about(body)
	if err != nil {
		return rest.Errorf(http.StatusUnprocessableEntity, "%w", err)
	}
	if !keep {
		return nil
	}
	_, err = h.DB.Public().Exec(r.Context(), `
		INSERT INTO bailiwick.inbox (source, id, payload) VALUES ($1, $2, $3::jsonb) ON CONFLICT DO NOTHING`, source, id, string(body))
	if err == nil && h.Wake != nil {
		h.Wake()
	}
	return err
}
