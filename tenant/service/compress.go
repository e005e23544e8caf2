package service

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

const (
	// minCompressed is the size below which an answer fits into a packet anyway.
	minCompressed = 1024
	// tagSuffix marks the ETag of a compressed answer, which is another sequence
	// of bytes than the plain one.
	tagSuffix = "-gzip"
)

// withCompression sends answers of text compressed to clients that take gzip,
// streams too, as far as they have been flushed.
//
// BREACH is no concern: it needs a browser that sends the victim's credentials
// along with an attacker's requests, and no credential here is one that browsers
// send by themselves; an API that adds cookies must not reflect input beside
// secrets, or set the header No-Gzip-Compression on such answers.
func withCompression(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(
		gzhttp.MinSize(minCompressed),
		gzhttp.ContentTypeFilter(compressible),
		gzhttp.SuffixETag(tagSuffix),
		gzhttp.EnableZstd(false),
	)
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	return wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := strings.Join(r.Header.Values("If-None-Match"), ",")
		if strings.Contains(known, tagSuffix+`"`) {
			w = &tagged{ResponseWriter: w, known: known}
		}
		next.ServeHTTP(w, withoutSuffix(r))
	})), nil
}

// withoutSuffix gives the ETags of a request as the API knows them.
func withoutSuffix(r *http.Request) *http.Request {
	for _, name := range []string{"If-Match", "If-None-Match"} {
		for _, value := range r.Header.Values(name) {
			if strings.Contains(value, tagSuffix+`"`) {
				r = r.WithContext(r.Context()) // A handler must leave its request's header alone.
				r.Header = r.Header.Clone()
				r.Header.Set(name, strings.ReplaceAll(strings.Join(r.Header.Values(name), ","), tagSuffix+`"`, `"`))
				break
			}
		}
	}
	return r
}

// compressible tells whether a media type is text. Others, like archives and
// pictures, are compressed already.
func compressible(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch mediaType {
	case "application/json", "application/x-ndjson", "application/yaml", "application/xml", "application/javascript":
		return true
	}
	return strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
}

// tagged gives 304 the ETag that the client knows the compressed answer by;
// there is no body by which the compression would have marked it.
type tagged struct {
	http.ResponseWriter

	known string
}

// WriteHeader implements http.ResponseWriter.
func (w *tagged) WriteHeader(status int) {
	if tag, isTag := strings.CutSuffix(w.Header().Get("ETag"), `"`); isTag && status == http.StatusNotModified {
		if marked := tag + tagSuffix + `"`; strings.Contains(w.known, marked) {
			w.Header().Set("ETag", marked)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher.
func (w *tagged) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *tagged) Unwrap() http.ResponseWriter { return w.ResponseWriter }
