package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
)

// DefaultMaxBody is the limit of a request's body when Options names none.
const DefaultMaxBody = 1 << 20

// The scopes of an operation, which its x-scope names.
const (
	// ScopeTenant is the default: a tenant's querier.
	ScopeTenant = "tenant"
	// ScopePublic is a querier of the shared schema.
	ScopePublic = "public"
	// ScopeNone is no querier.
	ScopeNone = "none"
)

// Operation is what authentication must know of the operation that a request is for.
type Operation struct {
	// ID is the operationId.
	ID string
	// Scope is ScopeTenant, ScopePublic or ScopeNone.
	Scope string
	// Secured tells whether the document demands credentials.
	Secured bool
	// Scopes are what the document's `security` wants beside them: the caller must
	// have all scopes of one of the lists. Without a list no scope is wanted.
	Scopes [][]string
	// PlanLimit is the x-plan-limit: what the tenant's plan limits, and the
	// operation makes one more of. Empty is nothing.
	PlanLimit string
}

// Options are what [Wrap] needs beside the document.
type Options struct {
	// Authenticate finds out whom the request comes from and which tenant it is
	// for. It runs once the operation is known and before the body is read; the
	// rest of the request runs in the context it returns (see
	// tenant.NewContext and WithSubject). Its errors are answered by WriteError.
	// It may be nil only for a document without secured operations.
	Authenticate func(r *http.Request, op Operation) (context.Context, error)
	// Scoped tells that Authenticate says what the caller may do, see WithScopes.
	// Without it a document that wants scopes is refused.
	Scoped bool
	// PlanLimits find out what the plan of the tenant in ctx allows, by the names
	// that x-plan-limit may have; nil is no limit. See [Limited].
	PlanLimits map[string]func(ctx context.Context) (*Limit, error)
	// MaxBody limits the body in bytes; zero means DefaultMaxBody. The x-max-body
	// of an operation replaces it.
	MaxBody int64
	// MaxSpooled limits the bodies that [Spool] holds at a time, all together and
	// compressed, in bytes; zero means DefaultMaxSpooled. One tenant has a quarter.
	MaxSpooled int64
	// Logger gets one line per request; nil means slog.Default().
	Logger *slog.Logger
	// Keys sign cursors; nil means a random key of this process, so that cursors
	// are good for one process alone and no longer than it runs.
	Keys *keyring.Keyring
}

// Wrap puts in front of next, which routes by itself, what every request of the
// document goes through: a request id, a line in the log, recovery from panics,
// routing (404, 405 with Allow), authentication, scopes (403), the limit of the
// body (413), and validation with defaults applied (400, 415, 422). The document's servers
// are ignored: which hosts count is Authenticate's business.
//
// It fails when the document can't be routed by http.ServeMux, and when an
// operation does not say who may call it or names a scheme or a scope that the
// document does not define.
func Wrap(doc *openapi3.T, opts Options, next http.Handler) (http.Handler, error) {
	if opts.MaxBody == 0 {
		opts.MaxBody = DefaultMaxBody
	}
	if opts.Keys == nil {
		opts.Keys = processKeys()
	}
	h := &handler{opts: opts, mux: http.NewServeMux(), spooled: newBudget(opts.MaxSpooled)}
	next = refuse(next)
	var errs []error
	for _, template := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(template)
		for method, op := range item.Operations() {
			err := h.add(doc, template, item, method, op, next)
			if errors.Is(err, ErrUnscoped) { // It is what all operations lack.
				return nil, fmt.Errorf("route the document: %s %s: %w", method, template, err)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", method, template, err))
			}
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("route the document: %w", errors.Join(errs...))
	}
	slices.Sort(h.methods)
	return h, nil
}

// handler is the entry of a document. But for the budget it is immutable once Wrap
// has returned.
type handler struct {
	opts    Options
	mux     *http.ServeMux
	methods []string
	spooled *budget
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ex, r := begin(w, r, h.opts.Keys)
	ex.spooled = h.spooled
	defer h.finish(ex, r)
	found, allowed := h.route(r)
	switch {
	case found:
		h.mux.ServeHTTP(ex.response, r)
	case allowed == nil:
		WriteError(ex.response, r, Errorf(http.StatusNotFound, "no operation has this path"))
	case r.Method == http.MethodOptions: // A browser's preflight has been answered before, where there is CORS.
		ex.response.Header().Set("Allow", strings.Join(allowed, ", "))
		ex.response.WriteHeader(http.StatusNoContent)
	default:
		WriteError(ex.response, r, &StatusError{
			Problem: Problem{Status: http.StatusMethodNotAllowed},
			Header:  http.Header{"Allow": {strings.Join(allowed, ", ")}},
		})
	}
	if ex.response.status == 0 { // net/http sends 200 now.
		ex.response.addPending()
	}
}

// finish is deferred: it answers a panic, writes the log, and cuts the
// connection of a response that went wrong half-way.
func (h *handler) finish(ex *exchange, r *http.Request) {
	defer ex.end()
	if v := recover(); v != nil && !ex.recovered(r, v) {
		panic(v)
	}
	ex.log(r.Context(), h.logger(), r.Method)
	if ex.broken {
		panic(http.ErrAbortHandler)
	}
}

func (h *handler) logger() *slog.Logger {
	if h.opts.Logger != nil {
		return h.opts.Logger
	}
	return slog.Default()
}

// route tells whether an operation has the request's method and path and, when
// none has, which methods the path has: what ServeMux itself would answer in
// plain text or by a redirect.
func (h *handler) route(r *http.Request) (found bool, allowed []string) {
	if !isClean(r.URL.EscapedPath()) {
		return false, nil
	}
	if _, pattern := h.mux.Handler(r); pattern != "" {
		return true, nil
	}
	probe := *r
	for _, method := range h.methods {
		probe.Method = method
		if _, pattern := h.mux.Handler(&probe); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed != nil {
		allowed = append(allowed, http.MethodOptions)
		slices.Sort(allowed)
	}
	return false, allowed
}

// isClean tells whether ServeMux takes an escaped path as it is.
func isClean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	clean := path.Clean(p)
	return clean == p || (strings.HasSuffix(p, "/") && clean+"/" == p)
}

func (h *handler) add(doc *openapi3.T, template string, item *openapi3.PathItem, method string, op *openapi3.Operation, next http.Handler) error {
	pattern, err := muxPattern(template)
	if err != nil {
		return err
	}
	validate, err := newValidator(doc, template, item, method, op)
	if err != nil {
		return err
	}
	operation, err := h.describe(doc, op)
	if err != nil {
		return err
	}
	limit, err := maxBody(op, h.opts.MaxBody)
	if err != nil {
		return err
	}
	announced, err := deprecation(op)
	if err != nil {
		return err
	}
	if err := handle(h.mux, method+" "+pattern, h.serve(operation, limit, announced, validate(next))); err != nil {
		return err
	}
	names := []string{method}
	if method == http.MethodGet {
		names = append(names, http.MethodHead)
	}
	for _, name := range names {
		if !slices.Contains(h.methods, name) {
			h.methods = append(h.methods, name)
		}
	}
	return nil
}

// serve is one operation, from authentication on.
func (h *handler) serve(op Operation, limit int64, announced http.Header, validated http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), announced)
		response := exchangeOf(r.Context()).response
		r, err := h.authenticate(r, op)
		if err != nil {
			WriteError(w, r, err)
			return
		}
		if op.PlanLimit != "" {
			r = r.WithContext(withLimit(r.Context(), h.opts.PlanLimits[op.PlanLimit], op.PlanLimit)) //nolint:contextcheck // It derives it from the request's.
		}
		if r.ContentLength > limit {
			w.Header().Set("Connection", "close")
			WriteError(w, r, &http.MaxBytesError{Limit: limit})
			return
		}
		joinLists(r.Header)
		r.Body = &watchedBody{ReadCloser: http.MaxBytesReader(w, r.Body, limit), response: response}
		validated.ServeHTTP(w, r)
	})
}

// authenticate returns the request in the context of its tenant and user. With
// an error it returns the request as it was.
func (h *handler) authenticate(r *http.Request, op Operation) (*http.Request, error) {
	ex := exchangeOf(r.Context())
	ex.operation = op.ID
	if h.opts.Authenticate == nil {
		return r, nil
	}
	ctx, err := h.opts.Authenticate(r, op)
	if err != nil {
		return r, err
	}
	ex.bound(ctx)                             //nolint:contextcheck // Authenticate derives it from the request's.
	return r.WithContext(ctx), op.Permit(ctx) //nolint:contextcheck // As above.
}

// WithRefusal returns a context of a request that is to be refused with err in the
// handler's place: once all has been said that is wrong with it otherwise. So is
// answered who may not learn, by the order of the answers, that there is no
// tenant at a host.
func WithRefusal(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, refusalKey{}, err)
}

func refuse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err, ok := r.Context().Value(refusalKey{}).(error); ok {
			WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recovered answers a panic with 500. The server's own way to cut a connection is left alone.
func (ex *exchange) recovered(r *http.Request, v any) bool {
	if v == http.ErrAbortHandler { //nolint:errorlint,err113 // net/http compares by identity too.
		return false
	}
	WriteError(ex.response, r, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	return true
}

// describe reads what authentication must know from the operation and the
// document, and refuses what this handler could not hold callers to.
func (h *handler) describe(doc *openapi3.T, op *openapi3.Operation) (Operation, error) {
	result := Operation{ID: op.OperationID, Scope: ScopeTenant}
	if scope, ok := op.Extensions["x-scope"].(string); ok {
		result.Scope = scope
	}
	if err := result.demand(doc, op); err != nil {
		return Operation{}, err
	}
	if value, ok := op.Extensions[planLimitExtension]; ok {
		result.PlanLimit, _ = value.(string)
		if result.PlanLimit == "" || result.Scope != ScopeTenant {
			return Operation{}, fmt.Errorf("%s %v has to name a limit, in an operation of a tenant", planLimitExtension, value)
		}
	}
	switch {
	case result.Secured && h.opts.Authenticate == nil:
		return Operation{}, errors.New("the operation is secured, but Options.Authenticate is nil")
	case result.Scopes != nil && !h.opts.Scoped:
		return Operation{}, ErrUnscoped
	case result.PlanLimit != "" && h.opts.PlanLimits[result.PlanLimit] == nil:
		return Operation{}, fmt.Errorf("nobody counts what %s %s limits; add it to service.Config.Counts, or to Options.PlanLimits", planLimitExtension, result.PlanLimit)
	}
	return result, nil
}

// planLimitExtension names the limit of the plan that an operation counts towards.
const planLimitExtension = "x-plan-limit"

// ErrUnscoped is why [Wrap] fails on a document whose operations want scopes
// where nothing ever says what a caller may do.
var ErrUnscoped = errors.New("the operation wants scopes, but Options.Scoped is false, so that no caller would ever have any")

// muxPattern writes a path template as ServeMux reads it. The wildcards' own
// names don't matter here, and need not be Go identifiers in a document.
func muxPattern(template string) (string, error) {
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		whole := strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") && strings.Count(segment, "{") == 1
		switch {
		case whole:
			segments[i] = "{" + wildcard(i) + "}"
		case strings.ContainsAny(segment, "{}"):
			return "", fmt.Errorf("segment %q mixes a parameter with text; make the parameter a segment of its own", segment)
		}
	}
	pattern := strings.Join(segments, "/")
	if strings.HasSuffix(pattern, "/") {
		pattern += "{$}"
	}
	return pattern, nil
}

// wildcard is the name of the i-th segment of a path where that is a parameter.
func wildcard(i int) string { return "p" + strconv.Itoa(i) }

// handle registers a pattern; ServeMux panics on those that conflict.
func handle(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}
