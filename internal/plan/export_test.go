package plan

import (
	"context"
	"errors"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Clone makes schemas of objects twice, first public, the second time by the
// statements of the first. It returns why that can't be done, and what the second
// schemas are made of.
func Clone(ctx context.Context, in Input, public, tenant []fingerprint.Object) (refused []string, got map[Scope][]fingerprint.Object, err error) {
	s, err := openScratch(ctx, in.withDefaults())
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	origins := []*origin{
		{scope: Public, fingerprint: fingerprint.Of(public), objects: public},
		{scope: Tenant, fingerprint: fingerprint.Of(tenant), objects: tenant},
	}
	got = map[Scope][]fingerprint.Object{}
	for range 2 {
		db, err := s.newDatabase(ctx)
		if err != nil {
			return nil, nil, err
		}
		conn, err := db.connect(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range origins {
			w, refused, err := o.clone(ctx, db, conn)
			if err != nil || len(refused) > 0 {
				return refused, nil, err
			}
			if got[o.scope], err = fingerprint.Objects(ctx, w.Conn, w.Schema); err != nil {
				return nil, nil, err
			}
		}
	}
	return nil, got, nil
}

// Repair plans the way of many tenants' states to one, in one database.
func Repair(ctx context.Context, in Input, want []fingerprint.Object, states [][]fingerprint.Object) (plans []*Plan, err error) {
	in = in.withDefaults()
	s, err := openScratch(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	to, err := s.wanted(ctx, in, map[Scope]Target{Tenant: {Fingerprint: fingerprint.Of(want), Objects: want}})
	if err != nil {
		return nil, err
	}
	f := &Fleet{}
	units := make([]*unit, len(states))
	for i, objects := range states {
		p := &Plan{Scope: Tenant, From: fingerprint.Of(objects), To: fingerprint.Of(want)}
		plans = append(plans, p)
		units[i] = &unit{plan: p, origin: &origin{scope: Tenant, fingerprint: p.From, objects: objects}}
	}
	return plans, f.plan(ctx, in, to, units)
}
