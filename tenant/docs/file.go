package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// How long a browser may keep an answer without asking again.
const (
	revalidate = "no-cache"
	// forGood is for addresses that hold the version of what they lead to.
	forGood = "public, max-age=31536000, immutable"
)

// mediaTypes are by the file's extension; the page itself has none.
var mediaTypes = map[string]string{
	"":      "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".svg":  "image/svg+xml",
	".yaml": "application/yaml",
}

// file is one answer, packed once for all its requests.
type file struct {
	mediaType     string
	version       string // a hash of the content
	plain, packed []byte
}

func newFile(name string, content []byte) (*file, error) {
	packed, err := pack(content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	return &file{
		mediaType: mediaTypes[path.Ext(name)],
		version:   hex.EncodeToString(sum[:8]),
		plain:     content,
		packed:    packed,
	}, nil
}

// serve answers GET and HEAD. The packed form has an ETag of its own: it is
// another sequence of bytes.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	content, tag := f.plain, f.version
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		content, tag = f.packed, f.version+"-gzip"
	}
	header.Set("Content-Type", f.mediaType)
	header.Set("ETag", `"`+tag+`"`)
	header.Set("Cache-Control", revalidate)
	if r.URL.Query().Get("v") == f.version {
		header.Set("Cache-Control", forGood)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip reads Accept-Encoding: gzip or * is named, and not with q=0.
func acceptsGzip(values []string) bool {
	accepted := false
	for coding := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "*" {
			continue
		}
		accepted = quality(parameters) > 0
		if name == "gzip" {
			return accepted // What is said of gzip itself counts more than what is said of all.
		}
	}
	return accepted
}

// quality reads `q=0.5`. Without one it is 1, and what can't be read is 0.
func quality(parameters string) float64 {
	_, text, found := strings.Cut(strings.ToLower(parameters), "q=")
	if !found {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0
	}
	return q
}

func pack(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
