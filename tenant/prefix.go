package tenant

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// PathPrefix is what stands in front of the slug in paths such as
// /t/acme/v1/scans, where a host does not name the tenant: "/t/" here. It begins
// and ends with a slash.
type PathPrefix string

type basePathKey struct{}

// basePath is what was cut from a request's path.
type basePath struct{ path, label string }

// BasePath is what stands in front of the paths of this request's tenant, such as
// /t/acme, without a slash at its end. Where [PathPrefix] is not in use it is empty.
func BasePath(ctx context.Context) string {
	base, ok := ctx.Value(basePathKey{}).(basePath)
	if !ok {
		return ""
	}
	return base.path
}

// Resolve implements [Resolver]. It tells what Strip has found.
func (p PathPrefix) Resolve(r *http.Request) (Name, error) {
	base, ok := r.Context().Value(basePathKey{}).(basePath)
	if !ok {
		return Name{}, nil
	}
	return slugName(base.label), nil
}

// Strip takes prefix and slug off the path before next sees it, and puts them in
// front of the paths that the answer leads to: those in the headers Location,
// Content-Location and Link. Other paths pass as they are.
func (p PathPrefix) Strip(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()
		after, found := strings.CutPrefix(escaped, string(p))
		label, rest, _ := strings.Cut(after, "/")
		if !found || label == "" {
			next.ServeHTTP(w, r)
			return
		}
		rest = "/" + rest
		plain, err := url.PathUnescape(rest)
		if err != nil { // What net/http has parsed can be parsed again.
			next.ServeHTTP(w, r)
			return
		}
		base := basePath{path: escaped[:len(p)+len(label)], label: label}
		r = r.WithContext(context.WithValue(r.Context(), basePathKey{}, base))
		to := *r.URL
		to.Path, to.RawPath = plain, rest
		r.URL = &to
		under := &prefixed{ResponseWriter: w, base: base.path}
		next.ServeHTTP(under, r)
		under.begin() // Where nothing was written, net/http sends the headers now.
	})
}

// prefixed puts a prefix in front of the paths that the answer leads to.
type prefixed struct {
	http.ResponseWriter

	base  string
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (w *prefixed) WriteHeader(status int) {
	w.begin()
	w.begun = status >= http.StatusOK // After 103 others follow.
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *prefixed) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p) // A ResponseWriter's errors are passed on as they are.
}

// FlushError is how http.ResponseController flushes, which begins the answer.
func (w *prefixed) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher, which is how compression flushes.
func (w *prefixed) Flush() { _ = w.FlushError() }

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *prefixed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var linkTarget = regexp.MustCompile(`<(/[^>]*)>`)

func (w *prefixed) begin() {
	if w.begun {
		return
	}
	w.begun = true
	header := w.Header()
	for _, name := range []string{"Location", "Content-Location"} {
		if path := header.Get(name); path != "" {
			header.Set(name, w.under(path))
		}
	}
	var links []string // New ones: the values may be shared by all requests of an operation.
	for _, link := range header["Link"] {
		links = append(links, linkTarget.ReplaceAllStringFunc(link, func(target string) string {
			return "<" + w.under(target[1:len(target)-1]) + ">"
		}))
	}
	if links != nil {
		header["Link"] = links
	}
}

// under leaves alone what is no path of this host, and what is below the prefix already.
func (w *prefixed) under(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(path, w.base+"/") {
		return path
	}
	return w.base + path
}
