package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// Extensions of the document that package rest reads.
const (
	itemSchemaExtension = "x-item-schema"
	maxBodyExtension    = "x-max-body"
)

// isStreamed tells whether a body of this media type is left to the handler
// unread: any but JSON whose schema is a string of format binary. To validate
// it, the validator would have to hold all of it.
func isStreamed(name string, media *openapi3.MediaType) bool {
	if media == nil || media.Schema == nil || media.Schema.Value == nil || isJSON(name) {
		return false
	}
	schema := media.Schema.Value
	return schema.Type.Is(openapi3.TypeString) && schema.Format == "binary"
}

// isJSON is true for the media types of JSON, with or without parameters.
func isJSON(name string) bool {
	media, _, err := mime.ParseMediaType(name)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// streamedBodies gives the streamed media types of an operation's request, and
// the schemas of their lines, which may be nil.
func streamedBodies(doc *openapi3.T, op *openapi3.Operation) (map[*openapi3.MediaType]*openapi3.Schema, error) {
	found := map[*openapi3.MediaType]*openapi3.Schema{}
	if op.RequestBody == nil || op.RequestBody.Value == nil {
		return found, nil
	}
	for name, media := range op.RequestBody.Value.Content {
		if !isStreamed(name, media) {
			continue
		}
		found[media] = nil
		if ref, ok := media.Extensions[itemSchemaExtension]; ok {
			item, err := component(doc, ref)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			found[media] = item
		}
	}
	return found, nil
}

// component finds the schema that x-item-schema refers to.
func component(doc *openapi3.T, value any) (*openapi3.Schema, error) {
	if ref, ok := value.(map[string]any); ok {
		text, isText := ref["$ref"].(string)
		name, local := strings.CutPrefix(text, "#/components/schemas/")
		if isText && local && doc.Components != nil && doc.Components.Schemas[name] != nil {
			return doc.Components.Schemas[name].Value, nil
		}
	}
	return nil, errors.New(itemSchemaExtension + " is no reference to a schema; write {$ref: '#/components/schemas/Name'}")
}

// maxBody is the operation's own limit of the body, or the default.
func maxBody(op *openapi3.Operation, otherwise int64) (int64, error) {
	value, ok := op.Extensions[maxBodyExtension]
	if !ok {
		return otherwise, nil
	}
	var limit int64
	switch v := value.(type) {
	case float64:
		limit = int64(v)
	case int:
		limit = int64(v)
	case int64:
		limit = v
	case uint64:
		limit = int64(min(v, 1<<62))
	}
	if limit < 1 {
		return 0, fmt.Errorf("%s %v is no number of bytes", maxBodyExtension, value)
	}
	return limit, nil
}

// streaming serves requests whose body is of a streamed media type, and leaves
// others to whole.
func streaming(op *openapi3.Operation, bodies map[*openapi3.MediaType]*openapi3.Schema, streamed, whole http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Content-Type")
		media := op.RequestBody.Value.Content.Get(header)
		item, ok := bodies[media]
		if !ok || header == "" || media == nil {
			whole.ServeHTTP(w, r)
			return
		}
		ex := exchangeOf(r.Context())
		ex.item = item
		r.Body = &liveBody{ReadCloser: r.Body, response: ex.response}
		streamed.ServeHTTP(w, r)
	})
}

// liveBody is a long body. The server's timeouts bound the wait for its next
// bytes in place of the whole.
type liveBody struct {
	io.ReadCloser

	response *response
	ended    bool
}

// Read implements io.Reader.
func (b *liveBody) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	b.response.extend(true)
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
		b.response.extended = time.Time{}
		b.response.extend(false)
	}
	return n, err // A body's errors are passed on as they are.
}

// extend gives a connection on which data flows the server's timeouts anew: a
// long transfer survives them, and a peer that stalls is cut all the same. A
// connection that can't be told keeps its first ones. When nothing is to be
// read any more, the timeout of reading is lifted, for net/http would take it
// for the client's end.
func (w *response) extend(reading bool) {
	if w.server == nil {
		return
	}
	now := time.Now()
	if now.Sub(w.extended) < extendEvery(w.server) {
		return
	}
	w.extended = now
	control := http.NewResponseController(w.ResponseWriter)
	var readBy time.Time
	if reading && w.server.ReadTimeout > 0 {
		readBy = now.Add(w.server.ReadTimeout)
	}
	_ = control.SetReadDeadline(readBy)
	if w.server.WriteTimeout > 0 {
		_ = control.SetWriteDeadline(now.Add(w.server.WriteTimeout))
	}
}

// extendEvery keeps the deadlines of a fast transfer from being set for each line.
func extendEvery(server *http.Server) time.Duration {
	every := time.Second
	for _, timeout := range []time.Duration{server.ReadTimeout, server.WriteTimeout} {
		if timeout > 0 {
			every = min(every, timeout/4)
		}
	}
	return every
}
