package tenant

import (
	"net/http"
	"strconv"
	"time"
)

// Name is what a request calls its tenant by. At most one field is set; the zero
// Name says nothing. That a request says it does not make it so: whether there is
// such a tenant, and whether it is active, is for the registry to say.
type Name struct {
	// Slug is a label of a host, or of a path: a slug that may be nobody's.
	Slug string
	// Domain is a host of the tenant's own, in its canonical form.
	Domain string
	// ID is what a token says.
	ID ID
}

// IsZero tells whether the name says nothing.
func (n Name) IsZero() bool { return n == Name{} }

// String tells the name to people, as in a log.
func (n Name) String() string {
	switch {
	case n.Slug != "":
		return "slug " + strconv.Quote(n.Slug)
	case n.Domain != "":
		return "domain " + strconv.Quote(n.Domain)
	case !n.ID.IsZero():
		return "id " + n.ID.String()
	}
	return "no name"
}

// Resolver takes from a request what it calls its tenant. The zero Name means
// that it says nothing there; an error that it says something that can't be.
type Resolver interface {
	Resolve(r *http.Request) (Name, error)
}

// Route is what the registry answers to a [Name].
type Route struct {
	Tenant

	// NotBefore is when the credentials began that count: those from before it are
	// dead. It is zero for a tenant that was never offboarded.
	NotBefore time.Time
	// Plan is the value of public.tenants.plan; empty in a project without plans.
	Plan string
}
