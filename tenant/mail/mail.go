// Package mail is what a service hands to whatever sends its mail: an invitation,
// the proof of an address. [SMTP] is one that sends it.
//
// It imports the standard library alone.
package mail

import (
	"context"
	"log/slog"
)

// Message is one mail to one address, in plain text.
type Message struct {
	// ID is the same whenever the same message is handed over again, so that a
	// sender can leave out what it has sent.
	ID string
	// To is the address.
	To string
	// Subject is one line.
	Subject string
	// Text is the body. It may hold a secret, such as an invitation's token.
	Text string
}

// Sender hands a message to whoever delivers it. An error says that it was not
// taken; the caller may try again. It is safe for concurrent use.
type Sender func(ctx context.Context, m Message) error

// Log is a sender for one's own machine: it writes the message to the log, with
// everything that it holds.
func Log(logger *slog.Logger) Sender {
	return func(ctx context.Context, m Message) error {
		logger.LogAttrs(ctx, slog.LevelInfo, "mail", slog.String("to", m.To), slog.String("subject", m.Subject), slog.String("text", m.Text))
		return nil
	}
}
