package tenant

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// place is where a querier's statements run, and what its schema is known to be.
// A tenant may move to another node or another schema version while a querier
// lives; then the querier gets another place.
type place struct {
	node    *node
	binding binding
	fit     *fit
}

func (p *place) public() bool { return p.binding.tenant.ID.IsZero() }

func (p *place) schema() string {
	if p.public() {
		return publicVersion
	}
	return p.binding.tenant.Schema()
}

// again tells whether it is worth to try once more what failed at a place before
// it did anything. It finds out whether the tenant has moved; where it has not, a
// statement that the server has forgotten, or whose plan it has outgrown, is
// worth a second try too.
func (q *Querier) again(ctx context.Context, p *place, err error) bool {
	if err == nil || !outgrown(err) && !notThere(err) {
		return false
	}
	if q.renew(ctx, p) {
		return true
	}
	if outgrown(err) {
		p.fit.doubt()
		p.fit.suspect(p.binding.tenant.ID)
	}
	return statementGone(err)
}

// renew asks where the tenant of a place is now and which version its schema has,
// and tells whether the querier now works elsewhere.
func (q *Querier) renew(ctx context.Context, p *place) bool {
	if q.at.Load() != p {
		return true // Somebody else has asked.
	}
	if q.db.config.Locate == nil || p.public() {
		return false
	}
	t, err := q.db.config.Locate(ctx, p.binding.tenant)
	if err != nil || t.ID != p.binding.tenant.ID || t.validate() != nil {
		return false
	}
	n, err := q.db.node(t)
	if err != nil || n == p.node && t.Version == p.binding.tenant.Version {
		return false
	}
	q.at.CompareAndSwap(p, q.db.placeOf(n, t))
	return true
}

// notThere tells errors that are raised before a statement does anything and
// that a tenant's move explains.
func notThere(err error) bool {
	if _, ok := errors.AsType[*bindError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return sqlState(err) == "3F000"
}

// outgrown tells errors that a change of the schema explains: of class 42 all but
// what is forbidden and what is no SQL.
func outgrown(err error) bool {
	if _, ok := errors.AsType[*unfilledError](err); ok || statementGone(err) {
		return true
	}
	state := sqlState(err)
	return strings.HasPrefix(state, "42") && state != "42501" && state != "42601"
}
