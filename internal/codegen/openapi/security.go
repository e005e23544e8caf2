package openapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// security is the key of requirements, and the rule of findings about them.
const security = "security"

// readSecurity notes whether an operation wants credentials. One that does not
// say, in a document that does not say for all, is refused: forgetting it must
// not open an operation to everybody.
func (d *Document) readSecurity(doc *openapi3.T, o *Operation) diag.List {
	demands := doc.Security
	if o.Op.Security != nil {
		demands = *o.Op.Security
	}
	optional := slices.ContainsFunc(demands, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 })
	o.Secured = len(demands) > 0 && !optional
	switch {
	case o.Op.Security != nil:
		return d.checkSecurity(doc, demands, d.operationLine(o, security), o.ID)
	case len(demands) == 0:
		return diag.List{d.At(o.Line, security, o.ID,
			"write `security: [{bearer: []}]` at the operation, or at the document for all of them; `security: []` at the operation opens it to everybody",
			"nothing says who may call the operation")}
	}
	return nil // The document's own is looked at once.
}

// checkSecurity holds the scopes of requirements against those that the schemes
// define, and one way in against the others: with one that wants no scope nobody
// needs those of the rest. That there are such schemes is known of a valid document.
func (d *Document) checkSecurity(doc *openapi3.T, demands openapi3.SecurityRequirements, at int, subject string) diag.List {
	var found diag.List
	free, empty := 0, false
	for _, demand := range demands {
		wanted := 0
		for _, name := range slices.Sorted(maps.Keys(demand)) {
			defined, mend := definedScopes(name, doc.Components.SecuritySchemes[name].Value)
			wanted += len(demand[name])
			for _, scope := range demand[name] {
				if !slices.Contains(defined, scope) {
					found = append(found, d.At(at, security, subject, mend, "the scheme %s does not define the scope %s", name, scope))
				}
			}
		}
		if wanted == 0 {
			free++
		}
		empty = empty || len(demand) == 0
	}
	if !empty && free > 0 && free < len(demands) {
		found = append(found, d.At(at, security, subject, "write scopes in each of them, or in none",
			"one alternative of `security` wants scopes and another none, by which everybody could come in"))
	}
	return found
}

// definedScopes are the scopes that a scheme defines, sorted, and what to do about
// one that is not among them. Package tenant/rest reads them in the same way.
func definedScopes(name string, scheme *openapi3.SecurityScheme) (defined []string, mend string) {
	var where string
	switch scheme.Type {
	case "oauth2":
		where = "scopes of a flow of " + name
		for _, flow := range flows(scheme.Flows) {
			defined = slices.AppendSeq(defined, maps.Keys(flow.Scopes))
		}
	case "openIdConnect":
		where = "x-scopes of " + name
		listed, _ := scheme.Extensions["x-scopes"].(map[string]any) // Of another type it lists none.
		defined = slices.Collect(maps.Keys(listed))
	default:
		return nil, fmt.Sprintf("write `%s: []`; scopes are for a scheme of type openIdConnect or oauth2 beside it", name)
	}
	slices.Sort(defined)
	mend = "define it in " + where
	if len(defined) > 0 {
		mend += ", or write one of " + strings.Join(defined, ", ")
	}
	return defined, mend
}

func flows(all *openapi3.OAuthFlows) []*openapi3.OAuthFlow {
	if all == nil {
		return nil
	}
	return slices.DeleteFunc([]*openapi3.OAuthFlow{all.Implicit, all.Password, all.ClientCredentials, all.AuthorizationCode},
		func(f *openapi3.OAuthFlow) bool { return f == nil })
}
