package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// insufficientScope is a kind of refusal of its own: a client mends it by another
// token, and not by another request.
var insufficientScope = kind{"insufficient-scope", "The caller lacks a permission"}

// WithScopes returns a context of what the authenticated user may do: the names
// that the document's `security` uses. [Wrap] holds them against the operation's.
func WithScopes(ctx context.Context, scopes []string) context.Context {
	return context.WithValue(ctx, scopesKey{}, scopes)
}

// Scopes is what the authenticated user may do; nil when nobody has said.
func Scopes(ctx context.Context) []string {
	scopes, ok := ctx.Value(scopesKey{}).([]string)
	if !ok {
		return nil
	}
	return scopes
}

// Permit holds the caller's scopes against what the operation wants. [Wrap] does so
// before the body is read; its error is 403 of type insufficient-scope.
func (op Operation) Permit(ctx context.Context) error {
	if len(op.Scopes) == 0 {
		return nil
	}
	has := Scopes(ctx)
	for _, all := range op.Scopes {
		if !slices.ContainsFunc(all, func(scope string) bool { return !slices.Contains(has, scope) }) {
			return nil
		}
	}
	wanted := make([]string, len(op.Scopes))
	for i, all := range op.Scopes {
		wanted[i] = strings.Join(all, " and ")
	}
	// The header has no way to say "or": it names the first list (RFC 6750).
	return lacking("the operation wants "+strings.Join(wanted, ", or "), op.Scopes[0])
}

// Demand is nil when the caller has all of the scopes, and else 403 of type
// insufficient-scope that names those missing. It is for what the document can't
// say, since a request or a row decides it: that nobody gives away what they don't have.
func Demand(ctx context.Context, scopes ...string) error {
	has := Scopes(ctx)
	missing := slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return slices.Contains(has, scope) })
	if len(missing) == 0 {
		return nil
	}
	missing = slices.Compact(slices.Sorted(slices.Values(missing)))
	return lacking("the caller lacks "+strings.Join(missing, " and "), missing)
}

// lacking refuses a caller who lacks scopes.
func lacking(detail string, scopes []string) error {
	return &StatusError{
		Problem: Problem{
			Type: ProblemBase + insufficientScope.name, Title: insufficientScope.title,
			Status: http.StatusForbidden, Detail: detail,
		},
		Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope", scope="` + strings.Join(scopes, " ") + `"`}},
	}
}

// demand reads from the document whether an operation wants credentials, and
// which scopes beside them. An operation that does not say, and whose document
// does not say for all, is refused: open is what is written as open. So is one with
// a way in that wants no scope beside one that does: schemes are told apart by
// nothing but their scopes, so that everybody would come by the former.
func (op *Operation) demand(doc *openapi3.T, o *openapi3.Operation) error {
	demands := doc.Security
	if o.Security != nil {
		demands = *o.Security
	} else if len(demands) == 0 {
		return errors.New("nothing says who may call the operation; write `security: [{bearer: []}]` at it or at the document, or `security: []` at the operation if all may")
	}
	optional := slices.ContainsFunc(demands, func(d openapi3.SecurityRequirement) bool { return len(d) == 0 })
	op.Secured = len(demands) > 0 && !optional
	free := 0
	for _, d := range demands {
		wanted, err := scopesOf(doc, d)
		if err != nil {
			return err
		}
		if len(wanted) == 0 {
			free++
		}
		op.Scopes = append(op.Scopes, wanted)
	}
	if op.Secured && free > 0 && free < len(demands) {
		return errors.New("`security` wants scopes in one alternative and none in another, by which everybody could come in; write scopes in each, or in none")
	}
	if free > 0 {
		op.Scopes = nil
	}
	return nil
}

// scopesOf are the scopes of all schemes of one requirement.
func scopesOf(doc *openapi3.T, d openapi3.SecurityRequirement) ([]string, error) {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(d)) {
		var scheme *openapi3.SecuritySchemeRef
		if doc.Components != nil {
			scheme = doc.Components.SecuritySchemes[name]
		}
		if scheme == nil || scheme.Value == nil {
			return nil, fmt.Errorf("`security` names the scheme %q, which components.securitySchemes does not define", name)
		}
		defined := DefinedScopes(scheme.Value)
		for _, scope := range d[name] {
			if _, ok := defined[scope]; !ok {
				return nil, fmt.Errorf("`security` wants the scope %q, which the scheme %s does not define", scope, name)
			}
			all = append(all, scope)
		}
	}
	return all, nil
}

// DefinedScopes are the scopes that a security scheme defines, with what they
// mean: those of the flows of oauth2, and x-scopes of openIdConnect, which has no
// place for them of its own. Schemes of other types define none.
func DefinedScopes(scheme *openapi3.SecurityScheme) map[string]string {
	defined := map[string]string{}
	switch {
	case scheme.Type == "oauth2" && scheme.Flows != nil:
		for _, flow := range []*openapi3.OAuthFlow{scheme.Flows.Implicit, scheme.Flows.Password, scheme.Flows.ClientCredentials, scheme.Flows.AuthorizationCode} {
			if flow != nil {
				maps.Copy(defined, flow.Scopes)
			}
		}
	case scheme.Type == "openIdConnect":
		listed, _ := scheme.Extensions["x-scopes"].(map[string]any) // Of another type it lists none.
		for scope, meaning := range listed {
			defined[scope] = fmt.Sprint(meaning)
		}
	}
	return defined
}
