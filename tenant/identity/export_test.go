package identity

import "time"

// The times of a key set.
const (
	KeyRest    = keyRest
	OutageRest = outageRest
	KeyAge     = keyAge
	KeyLife    = keyLife
)

// SetClock gives the keys of the shared issuer another clock.
func SetClock(t *Tokens, now func() time.Time) {
	if set, ok := t.shared.(*keySet); ok {
		set.now = now
	}
}

// Claim finds a claim.
var Claim = claim
