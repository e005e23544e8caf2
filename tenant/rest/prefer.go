package rest

import (
	"context"
	"strings"
)

// Total counts the rows of a whole list when the header Prefer (RFC 7240) asks
// for it by count=exact, and says so by Preference-Applied. Else it is nil.
// Preferences that it does not know are ignored, as that RFC wants it.
func Total[S ~string](ctx context.Context, prefer *S, count func() (int64, error)) (*int64, error) {
	if prefer == nil || !prefersCount(string(*prefer)) {
		return nil, nil //nolint:nilnil // No total is the usual answer, and no error.
	}
	n, err := count()
	if err != nil {
		return nil, err
	}
	Header(ctx).Set("Preference-Applied", "count=exact")
	return &n, nil
}

// prefersCount looks for count=exact in a list of preferences. Of one that
// comes twice the first counts.
func prefersCount(prefer string) bool {
	for preference := range strings.SplitSeq(outsideQuotes(prefer), ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		if strings.EqualFold(strings.TrimSpace(name), "count") {
			value = strings.TrimSpace(value)
			return value == "exact" || value == `"exact"`
		}
	}
	return false
}

// outsideQuotes replaces the separators within quoted strings, so that the rest
// can be taken apart by them.
func outsideQuotes(text string) string {
	quoted, escaped := false, false
	return strings.Map(func(r rune) rune {
		switch {
		case escaped:
			escaped = false
			return 'x'
		case quoted && r == '\\':
			escaped = true
			return 'x'
		case r == '"':
			quoted = !quoted
		case quoted && strings.ContainsRune(",;=", r):
			return 'x'
		}
		return r
	}, text)
}
