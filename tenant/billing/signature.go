package billing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how old a signature may be, and how far ahead of our clock. It
// bounds for how long a message that somebody has recorded can be sent again; the
// event's id, of which there is one row, makes that without effect.
const Tolerance = 5 * time.Minute

// maxSignatures bounds how many signatures of one message are tried.
const maxSignatures = 8

var (
	errSignature = errors.New("the signature is not valid")
	errReplay    = errors.New("the signature is too old, or of the future")
)

// Sign makes the value of the signature header for a body that is sent at a time:
// "t=SECONDS,v1=HEX", where HEX is the HMAC-SHA256 of "SECONDS.BODY" by the
// secret. It is what Stripe calls Stripe-Signature
// (https://docs.stripe.com/webhooks#verify-manually), so that its tools can be
// used.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac(secret, seconds, body))
}

// Verify checks a signature header against the secrets, of which there are two
// while one replaces the other.
func Verify(header string, secrets []string, now time.Time, body []byte) error {
	seconds, signatures := parse(header)
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || len(signatures) == 0 {
		return errSignature
	}
	valid := false
	for _, secret := range secrets {
		expected := mac(secret, seconds, body)
		for _, s := range signatures {
			valid = hmac.Equal(expected, s) || valid
		}
	}
	if !valid {
		return errSignature
	}
	if age := now.Sub(time.Unix(at, 0)); age > Tolerance || age < -Tolerance {
		return errReplay
	}
	return nil
}

// parse takes a header apart. Schemes other than v1 are of other times. A part that
// is not KEY=VALUE, and a second time, make nothing of all of it.
func parse(header string) (seconds string, signatures [][]byte) {
	times := 0
	for part := range strings.SplitSeq(header, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return "", nil
		}
		switch key {
		case "t":
			if times++; times > 1 {
				return "", nil // Which of the two was signed?
			}
			seconds = value
		case "v1":
			raw, err := hex.DecodeString(value)
			if err == nil && len(signatures) < maxSignatures {
				signatures = append(signatures, raw)
			}
		}
	}
	return seconds, signatures
}

func mac(secret, seconds string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(seconds))
	m.Write([]byte{'.'})
	m.Write(body)
	return m.Sum(nil)
}
