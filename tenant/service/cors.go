package service

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"

	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

// preflightAge is how many seconds a browser may remember what it may send.
const preflightAge = 600

// What pages of other origins may send, and read of an answer.
var (
	corsMethods = []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	}
	corsAllowed = []string{
		"Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Prefer", "X-Request-ID", signup.TokenHeader,
	}
	corsExposed = []string{
		"X-Request-ID", "ETag", "Location", "Link", "Deprecation", "Sunset", "Retry-After", "RateLimit", "RateLimit-Policy",
		"Preference-Applied", "Idempotency-Replayed", "Content-Disposition",
	}
)

// origins are those whose pages may call the API.
type origins struct {
	all   bool
	exact map[string]bool
	below []wildcard
}

// wildcard is an origin whose host's first label may be any.
type wildcard struct{ scheme, suffix string }

// errOrigin does not hold the value: whoever mixed settings up may have set a secret.
var errOrigin = errors.New("each origin must be like https://app.example, https://app.example:8443 or https://*.app.example, in lower case and without a path")

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *origins) UnmarshalText(text []byte) error {
	if string(text) == "*" {
		o.all = true
		return nil
	}
	o.exact = map[string]bool{}
	for part := range strings.SplitSeq(string(text), ",") {
		if err := o.add(strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	return nil
}

func (o *origins) add(text string) error {
	if text == "*" {
		return errors.New("* must stand alone")
	}
	u, err := url.Parse(strings.Replace(text, "://*.", "://any.", 1))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" ||
		u.Scheme+"://"+u.Host != strings.Replace(text, "://*.", "://any.", 1) || strings.Contains(u.Host, "*") || strings.ToLower(text) != text {
		return errOrigin
	}
	if scheme, host, found := strings.Cut(text, "://*."); found {
		if !strings.Contains(strings.Split(host, ":")[0], ".") && u.Hostname() != "any.localhost" {
			return fmt.Errorf("a wildcard must be below a domain of its own, such as https://*.app.example: %w", errOrigin)
		}
		o.below = append(o.below, wildcard{scheme: scheme + "://", suffix: "." + host})
		return nil
	}
	o.exact[text] = true
	return nil
}

// empty tells whether no page of another origin may call.
func (o *origins) empty() bool { return !o.all && len(o.exact) == 0 && len(o.below) == 0 }

// allows compares as browsers write an origin. A wildcard is one label.
func (o *origins) allows(origin string) bool {
	if o.all || o.exact[origin] {
		return true
	}
	for _, w := range o.below {
		label, isBelow := strings.CutSuffix(origin, w.suffix)
		label, hasScheme := strings.CutPrefix(label, w.scheme)
		if isBelow && hasScheme && label != "" && !strings.ContainsAny(label, ".:/@") {
			return true
		}
	}
	return false
}

// withCORS lets pages of configured origins call the API, and answers their
// preflights, which carry no token, before anything else looks at them.
//
// Credentials in the sense of CORS (cookies) are never allowed: a token is sent
// by the page that has it, never by the browser on its own. So "*" gives no page
// more than a program has.
func withCORS(o *origins, next http.Handler) http.Handler {
	if o.empty() {
		return next
	}
	options := cors.Options{
		AllowedMethods: corsMethods,
		AllowedHeaders: corsAllowed,
		ExposedHeaders: corsExposed,
		MaxAge:         preflightAge,
	}
	if o.all {
		options.AllowedOrigins = []string{"*"}
	} else {
		options.AllowOriginFunc = o.allows
	}
	return cors.New(options).Handler(next)
}
