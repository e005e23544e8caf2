package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
)

// maxAddress is what SMTP allows of an address, in bytes.
const maxAddress = 254

// ParseAddress checks an address as a person types it, and returns it as it is
// to be written to: what stands before the @ as it came, the domain in lower case.
// It takes no name, no comment, no quotes, and no characters beyond ASCII.
func ParseAddress(text string) (string, error) {
	text = strings.TrimSpace(text)
	local, domain, _ := strings.Cut(text, "@")
	parsed, err := mail.ParseAddress(text)
	switch {
	case len(text) > maxAddress:
		return "", fmt.Errorf("an e-mail address has at most %d bytes", maxAddress)
	case err != nil, parsed.Address != text, local == "", domain == "", strings.ContainsAny(text, "\"<>()[]\r\n"):
		return "", errors.New("not an e-mail address: want one such as kim@acme.example")
	}
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return "", errors.New("not an e-mail address: only ASCII is supported")
		}
	}
	return local + "@" + strings.ToLower(domain), nil
}
