package blackbox_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// ndjson is the media type of one JSON value per line.
const ndjson = "application/x-ndjson"

// operation is one of openapi.yaml, with its path's parameters among its own.
type operation struct {
	*openapi3.Operation

	doc          *openapi3.T
	method, path string
	params       []*openapi3.Parameter
	success      int // The first status below 300 that it documents.
}

// document reads openapi.yaml once.
var document = sync.OnceValues(func() (map[string]*operation, error) {
	registerFormats()
	doc, err := openapi3.NewLoader().LoadFromFile("../../openapi.yaml")
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	all := map[string]*operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := &operation{Operation: op, doc: doc, method: method, path: path}
			for _, p := range append(slices.Clone(op.Parameters), item.Parameters...) {
				if !slices.ContainsFunc(o.params, func(q *openapi3.Parameter) bool { return q.In == p.Value.In && q.Name == p.Value.Name }) {
					o.params = append(o.params, p.Value)
				}
			}
			for _, status := range sortedKeys(op.Responses.Map()) {
				if n, err := strconv.Atoi(status); err == nil && n < 300 && o.success == 0 {
					o.success = n
				}
			}
			all[op.OperationID] = o
		}
	}
	return all, nil
})

// param finds a parameter; nil when the operation has none of that name.
func (o *operation) param(in, name string) *openapi3.Parameter {
	for _, p := range o.params {
		if p.In == in && strings.EqualFold(p.Name, name) {
			return p
		}
	}
	return nil
}

// pathParams are the names in the path, in its order.
func (o *operation) pathParams() []string {
	var names []string
	for _, found := range pathName.FindAllStringSubmatch(o.path, -1) {
		names = append(names, found[1])
	}
	return names
}

var pathName = regexp.MustCompile(`\{([^}]+)\}`)

// secured tells whether the operation wants a token.
func (o *operation) secured() bool {
	required := o.Security
	if required == nil {
		required = &o.doc.Security
	}
	return len(*required) > 0
}

// sunset is x-sunset, or nothing.
func (o *operation) sunset() string {
	text, _ := o.Extensions["x-sunset"].(string)
	return text
}

// contentType is what a body of the operation is sent as.
func (o *operation) contentType() string {
	if o.RequestBody == nil {
		return ""
	}
	types := sortedKeys(o.RequestBody.Value.Content)
	if slices.Contains(types, "application/json") {
		return "application/json"
	}
	return types[0]
}

// response is what the document says of a status by its number; nil if nothing.
func (o *operation) response(status int) *openapi3.Response {
	if ref := o.Responses.Value(strconv.Itoa(status)); ref != nil {
		return ref.Value
	}
	return nil
}

// undeclared are headers that need no word in the document: HTTP's own, and
// those that middleware puts on every answer alike.
var undeclared = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Date", "Vary", "Connection", "Transfer-Encoding", "Trailer",
	"Cache-Control", "X-Content-Type-Options", "X-Request-Id", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
	"Access-Control-Allow-Credentials", "Deprecation", "Sunset", "Link", "Keep-Alive", "Allow", "Www-Authenticate",
}

// check holds an answer against the document: its status by its number, its
// headers, its body.
func (o *operation) check(ctx context.Context, r *http.Request, params map[string]string, status int, header http.Header, body []byte) error {
	documented := o.response(status)
	if documented == nil {
		if status < 500 {
			return fmt.Errorf("status %d is not documented by its number: list it among the operation's responses in openapi.yaml, as its neighbours do", status)
		}
		return fmt.Errorf("status %d", status)
	}
	var errs []error
	for name := range header {
		_, declared := documented.Headers[name]
		if !declared && !slices.ContainsFunc(sortedKeys(documented.Headers), func(d string) bool { return http.CanonicalHeaderKey(d) == name }) &&
			!slices.Contains(undeclared, name) {
			errs = append(errs, fmt.Errorf("%d has the header %s, which is not documented", status, name))
		}
	}
	if len(documented.Content) == 0 && len(body) > 0 {
		errs = append(errs, fmt.Errorf("%d has a body, which is not documented: %.200s", status, body))
	}
	errs = append(errs, openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: o.input(r, params),
		Status:                 status,
		Header:                 header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}))
	if media := documented.Content.Get(ndjson); media != nil && strings.HasPrefix(header.Get("Content-Type"), ndjson) {
		errs = append(errs, o.checkLines(media, body))
	}
	return errors.Join(errs...)
}

func (o *operation) input(r *http.Request, params map[string]string) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{
		Request:    r,
		PathParams: params,
		Route:      &routers.Route{Spec: o.doc, Path: o.path, PathItem: o.doc.Paths.Value(o.path), Method: o.method, Operation: o.Operation},
		Options: &openapi3filter.Options{
			MultiError:          true,
			SkipSettingDefaults: true,
			AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc,
		},
	}
}

// checkRequest holds a request against the document, so that a scenario proves
// what it seems to prove.
func (o *operation) checkRequest(ctx context.Context, r *http.Request, params map[string]string, body []byte) error {
	copied := r.Clone(ctx)
	copied.Body = io.NopCloser(bytes.NewReader(body))
	if err := openapi3filter.ValidateRequest(ctx, o.input(copied, params)); err != nil {
		return err
	}
	if media := o.media(r.Header.Get("Content-Type")); media != nil && r.Header.Get("Content-Type") == ndjson {
		return o.checkLines(media, body)
	}
	return nil
}

func (o *operation) media(contentType string) *openapi3.MediaType {
	if o.RequestBody == nil {
		return nil
	}
	return o.RequestBody.Value.Content.Get(contentType)
}

// maxLinesChecked bounds what of a long stream is held against its schema.
const maxLinesChecked = 1000

// checkLines holds each line against x-item-schema.
func (o *operation) checkLines(media *openapi3.MediaType, body []byte) error {
	schema := o.itemSchema(media)
	if schema == nil {
		return fmt.Errorf("%s: a body of %s has no x-item-schema with a $ref to a component", o.OperationID, ndjson)
	}
	n := 0
	for line := range bytes.Lines(body) {
		if n++; n > maxLinesChecked {
			break
		}
		value, err := decodeJSON(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

func (o *operation) itemSchema(media *openapi3.MediaType) *openapi3.Schema {
	item, _ := media.Extensions["x-item-schema"].(map[string]any)
	ref, _ := item["$ref"].(string)
	if found := o.doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]; found != nil {
		return found.Value
	}
	return nil
}

// target fills the path and the query.
func (o *operation) target(params map[string]string, query url.Values) string {
	path := pathName.ReplaceAllStringFunc(o.path, func(name string) string {
		return url.PathEscape(params[strings.Trim(name, "{}")])
	})
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// registerFormats makes the formats mean something: what a client in another
// language would parse must parse.
func registerFormats() {
	for name, pattern := range map[string]string{
		"uuid":       `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
		"decimal":    `^-?[0-9]+(\.[0-9]+)?$`,
		"time-local": `^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?$`,
		"duration":   `^P(([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?|[0-9]+W)$`, // RFC 3339, without fractions.
		"email":      `^[^@\s]+@[^@\s]+$`,
	} {
		openapi3.DefineStringFormatValidator(name, openapi3.NewRegexpFormatValidator(pattern))
	}
	for name, parse := range map[string]func(string) error{
		"date":          func(s string) error { _, err := time.Parse(time.DateOnly, s); return err },
		"date-time":     func(s string) error { _, err := time.Parse(time.RFC3339Nano, s); return err },
		"byte":          func(s string) error { _, err := base64.StdEncoding.DecodeString(s); return err },
		"uri":           absolute,
		"uri-reference": func(s string) error { _, err := url.Parse(s); return err },
	} {
		openapi3.DefineStringFormatValidator(name, openapi3.NewCallbackValidator(parse))
	}
	openapi3filter.RegisterBodyDecoder(ndjson, openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/csv", openapi3filter.FileBodyDecoder)
}

func absolute(text string) error {
	u, err := url.Parse(text)
	if err == nil && !u.IsAbs() {
		err = errors.New("not absolute")
	}
	return err
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
