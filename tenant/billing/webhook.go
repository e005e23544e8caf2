package billing

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const (
	// SignatureHeader is the header that holds what [Sign] makes.
	SignatureHeader = "Stripe-Signature"
	// maxEvent bounds an event, in bytes.
	maxEvent = 256 << 10
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
		cmp.Or(h.Logger, slog.Default()).InfoContext(r.Context(), "an event of billing was not taken", slog.String("error", err.Error()))
		rest.WriteError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Webhook) take(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return err
	}
	if err != nil {
		return rest.Errorf(http.StatusBadRequest, "the body can't be read")
	}
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	signature := strings.Join(r.Header.Values(SignatureHeader), ",") // Two of them have two times, and are none.
	if err := Verify(signature, h.Secrets, now(), body); err != nil {
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
