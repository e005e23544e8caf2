package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	nethttpmiddleware "github.com/oapi-codegen/nethttp-middleware"
)

// maxFieldErrors bounds an answer: a body of many wrong items must not be
// answered by many times its own size.
const maxFieldErrors = 20

const (
	// unreadable is the detail of what no decoder understands.
	unreadable = "can't be read"
	// cutShort is that of a body which breaks off.
	cutShort = "can't be read to its end"
)

// newValidator makes the middleware that validates one operation. It sees a
// document of this operation alone, at the root: the path is found already, and
// kin-openapi's router, which compares it undecoded, would disagree with
// ServeMux on paths such as /%61bc. Path parameters are validated apart for the
// same reason. Security is left out because it has been dealt with, before the
// body was read. A streamed body is left out too: it is the handler's to read.
func newValidator(doc *openapi3.T, template string, item *openapi3.PathItem, method string, op *openapi3.Operation) (func(http.Handler) http.Handler, error) {
	inPath, others := parameters(item, op)
	bodies, err := streamedBodies(doc, op)
	if err != nil {
		return nil, err
	}
	remaining, err := newFilter(doc, method, op, others)
	if err != nil {
		return nil, err
	}
	unread := remaining
	if len(bodies) > 0 {
		bodiless := *op
		bodiless.RequestBody = nil
		if unread, err = newFilter(doc, method, &bodiless, others); err != nil {
			return nil, err
		}
	}
	return func(next http.Handler) http.Handler {
		rest := atRoot(op, remaining, next)
		if len(bodies) > 0 {
			rest = streaming(op, bodies, atRoot(op, unread, next), rest)
		}
		return wellFormed(others, op.RequestBody != nil, validatePath(template, inPath, rest))
	}, nil
}

// newFilter is kin-openapi's filter of an operation with these parameters.
func newFilter(doc *openapi3.T, method string, op *openapi3.Operation, params openapi3.Parameters) (filtered func(http.Handler) http.Handler, err error) {
	bare := *op
	bare.Parameters = params
	bare.Security = openapi3.NewSecurityRequirements()
	single := &openapi3.PathItem{}
	single.SetOperation(method, &bare)
	if method == http.MethodGet {
		single.SetOperation(http.MethodHead, &bare)
	}
	defer func() {
		if v := recover(); v != nil { // Its way to report a document that it can't route.
			err = fmt.Errorf("prepare validation: %v", v)
		}
	}()
	return nethttpmiddleware.OapiRequestValidatorWithOptions(&openapi3.T{
		OpenAPI:    doc.OpenAPI,
		Info:       doc.Info,
		Components: doc.Components,
		Paths:      openapi3.NewPaths(openapi3.WithPath("/", single)),
	}, &nethttpmiddleware.Options{
		Options: filter,
		ErrorHandlerWithOpts: func(_ context.Context, err error, w http.ResponseWriter, r *http.Request, _ nethttpmiddleware.ErrorHandlerOpts) {
			WriteError(w, r, validationError(err))
		},
	}), nil
}

// atRoot runs a middleware on a request for the root, and what comes after it
// on the request's own path. What the middleware does to the query stays.
func atRoot(op *openapi3.Operation, middleware func(http.Handler) http.Handler, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := *r.URL
		back := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			own.RawQuery = r.URL.RawQuery
			r.URL = &own
			finishBody(op, r)
			next.ServeHTTP(w, r)
		})
		moved := *r
		moved.URL = &url.URL{Path: "/", RawQuery: own.RawQuery}
		middleware(back).ServeHTTP(w, &moved)
	})
}

// filter reports all errors of a request at once. Defaults of bodies are
// setDefaults's business.
var filter = openapi3filter.Options{MultiError: true, SchemaValidationOptions: append(slices.Clone(formats), openapi3.DefaultsSet(nil))}

// parameters gives those of the path and all others, the operation's before the path item's.
func parameters(item *openapi3.PathItem, op *openapi3.Operation) (inPath, others openapi3.Parameters) {
	all := slices.Clone(op.Parameters)
	for _, shared := range item.Parameters {
		if op.Parameters.GetByInAndName(shared.Value.In, shared.Value.Name) == nil {
			all = append(all, shared)
		}
	}
	for _, p := range all {
		if p.Value.In == openapi3.ParameterInPath {
			inPath = append(inPath, p)
		} else {
			others = append(others, p)
		}
	}
	return inPath, others
}

// validatePath checks the path parameters as ServeMux decoded them.
func validatePath(template string, params openapi3.Parameters, next http.Handler) http.Handler {
	if len(params) == 0 {
		return next
	}
	segments := strings.Split(template, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := map[string]string{}
		for i, segment := range segments {
			if name, found := strings.CutPrefix(segment, "{"); found {
				values[strings.TrimSuffix(name, "}")] = r.PathValue(wildcard(i))
			}
		}
		input := &openapi3filter.RequestValidationInput{Request: r, PathParams: values, Options: &filter}
		var errs openapi3.MultiError
		for _, p := range params {
			if err := openapi3filter.ValidateParameter(r.Context(), input, p.Value); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) > 0 {
			WriteError(w, r, validationError(errs))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// validationError makes the validator's findings an answer: 413 and 415 where
// they apply, 400 for what can't be read, 422 for what can be read but is not allowed.
func validationError(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	result := &StatusError{Problem: Problem{Status: http.StatusUnprocessableEntity}}
	for _, found := range flatten(err) {
		request, ok := errors.AsType[*openapi3filter.RequestError](found)
		if !ok {
			return fmt.Errorf("validate the request: %w", found)
		}
		status, fields := requestErrors(request)
		if status != http.StatusUnprocessableEntity {
			result.Problem.Status = min(result.Problem.Status, status)
		}
		result.Problem.Errors = append(result.Problem.Errors, fields...)
	}
	if n := len(result.Problem.Errors); n > maxFieldErrors {
		result.Problem.Detail = fmt.Sprintf("%d errors; the first %d are listed", n, maxFieldErrors)
		result.Problem.Errors = result.Problem.Errors[:maxFieldErrors]
	}
	return result
}

// requestErrors describes what is wrong with one parameter or with the body.
func requestErrors(request *openapi3filter.RequestError) (int, []FieldError) {
	where := FieldError{In: inBody}
	status := http.StatusUnprocessableEntity
	if request.Parameter != nil {
		where = FieldError{In: request.Parameter.In, Parameter: request.Parameter.Name}
		status = http.StatusBadRequest
	}
	if request.Err == nil {
		where.Detail = "the media type is not among those of the operation"
		return http.StatusUnsupportedMediaType, []FieldError{where}
	}
	var fields []FieldError
	for _, found := range flatten(request.Err) {
		field := where
		if schema, ok := errors.AsType[*openapi3.SchemaError](found); ok {
			field.Pointer = pointer(schema.JSONPointer())
			field.Detail = schemaDetail(schema)
		} else {
			status = http.StatusBadRequest
			field.Detail = parseDetail(found)
		}
		fields = append(fields, field)
	}
	return status, fields
}

// flatten takes apart the lists that the validator makes, at each depth.
func flatten(err error) []error {
	if list, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // A list inside of another error is that error's detail.
		flat := make([]error, 0, len(list))
		for _, e := range list {
			flat = append(flat, flatten(e)...)
		}
		return flat
	}
	return []error{err}
}

func schemaDetail(err *openapi3.SchemaError) string {
	if err.Reason != "" {
		return err.Reason
	}
	return "does not match the schema's " + err.SchemaField
}

// parseDetail leaves out what ParseError.Error would add: the value.
func parseDetail(err error) string {
	switch {
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		return "is required"
	case errors.Is(err, openapi3filter.ErrInvalidEmptyValue):
		return "must not be empty"
	}
	if parse, ok := errors.AsType[*openapi3filter.ParseError](err); ok && parse.Reason != "" {
		return parse.Reason
	}
	return unreadable
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func pointer(path []string) string {
	var b strings.Builder
	for _, key := range path {
		b.WriteString("/" + pointerEscaper.Replace(key))
	}
	return b.String()
}
