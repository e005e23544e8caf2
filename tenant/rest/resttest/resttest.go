// Package resttest holds an API against its own document: requests are made
// from the document's schemas and sent to a handler, and each answer has to be
// one that the document describes.
//
//	func TestFuzz(t *testing.T) {
//		t.Parallel()
//		resttest.Fuzz(t, newAPI(t), resttest.Options{Document: shop.OpenAPI})
//	}
//
// The package imports the standard library and kin-openapi.
package resttest

import (
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"
)

// The variables that set how much is sent, and what.
const (
	// EnvRequests is how many requests each operation gets.
	EnvRequests = "FUZZ_REQUESTS"
	// EnvSeed repeats a run.
	EnvSeed = "FUZZ_SEED"
)

const (
	// DefaultRequests is how many requests an operation gets where nothing is said.
	DefaultRequests = 60
	// ShortRequests is how many of them with -short.
	ShortRequests = 10
	// DefaultSeed makes the same requests each time, so that a change that did
	// no harm does not fail.
	DefaultSeed = 1
	// DefaultTimeout is how long a request may take before it hangs.
	DefaultTimeout = time.Minute
)

// Options of [Fuzz].
type Options struct {
	// Document is the OpenAPI document as YAML or JSON. It must be set.
	Document []byte
	// Requests is how many requests each operation gets. Zero means what
	// FUZZ_REQUESTS says, else DefaultRequests, or ShortRequests with -short.
	Requests int
	// Seed decides what is sent. Zero means what FUZZ_SEED says, else
	// DefaultSeed.
	Seed uint64
	// Numbered demands that an operation lists each status by its number. Else
	// its default response stands for the other ones of 4xx.
	Numbered bool
	// Prepare changes each request before it is sent, such as by a token and a
	// host. Nil changes nothing.
	Prepare func(*http.Request)
	// Timeout is how long an answer may take. Zero means DefaultTimeout.
	Timeout time.Duration
}

// Fuzz sends each operation of the document many requests: valid ones, with ids
// that earlier answers held, ones with a value at or beyond its bounds, and ones
// that no client would send. It fails the test for
//
//   - a status that the operation does not document, and any of 5xx,
//   - a body, or a header that is declared, that is not as the schema says,
//   - a success where the schema does not allow what was sent,
//   - a panic, a cut connection, or no answer at all.
//
// What fails is printed as a curl command, with the seed that repeats the run.
// Requests are sent one after the other. They change and delete what there is:
// give it a database of its own.
func Fuzz(t testing.TB, api http.Handler, o Options) {
	t.Helper()
	o.complete(t)
	d, err := readDocument(o.Document)
	if err != nil {
		t.Fatalf("resttest: read the document: %v", err)
	}
	f := newFuzzer(d, api, o)
	f.run(t)
	f.report(t)
}

func (o *Options) complete(t testing.TB) {
	t.Helper()
	if o.Requests == 0 {
		standard := DefaultRequests
		if testing.Short() {
			standard = ShortRequests
		}
		o.Requests = int(fromEnv(t, EnvRequests, uint64(standard))) //nolint:gosec // A number of requests.
	}
	if o.Seed == 0 {
		o.Seed = fromEnv(t, EnvSeed, DefaultSeed)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
}

func fromEnv(t testing.TB, name string, standard uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		t.Fatalf("resttest: %s=%q is no positive number", name, text)
	}
	return n
}
