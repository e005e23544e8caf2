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

// Way leads a tenant from one state to another.
type Way struct{ From, To []fingerprint.Object }

// Ways plans ways beside one public schema, as for so many tenants, with few
// databases and connections.
func Ways(ctx context.Context, in Input, public []fingerprint.Object, ways []Way) (plans []*Plan, err error) {
	in = in.withDefaults()
	s, err := openScratch(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	d, err := s.wanted(ctx, in, map[Scope]Target{Public: {Fingerprint: fingerprint.Of(public), Objects: public}})
	if err != nil {
		return nil, err
	}
	origins := map[string]*origin{}
	of := func(objects []fingerprint.Object) *origin {
		state := fingerprint.Of(objects)
		if origins[state] == nil {
			origins[state] = &origin{scope: Tenant, fingerprint: state, objects: objects}
		}
		return origins[state]
	}
	for _, w := range ways {
		p, err := d.way(ctx, in, of(w.From), of(w.To))
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// way plans one way.
func (d *desired) way(ctx context.Context, in Input, from, to *origin) (p *Plan, err error) {
	db := &database{server: d.server, name: d.name, config: d.config} // with connections of its own
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(ctx))) }()
	conn, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	p = &Plan{Scope: Tenant, From: from.fingerprint, To: to.fingerprint}
	w, refused, err := to.clone(ctx, db, conn)
	if err != nil {
		return nil, err
	}
	if p.Refused = refused; len(refused) > 0 {
		return p, nil
	}
	want := &desired{database: db, public: d.public, tenant: w, targets: map[Scope]Target{
		Public: d.targets[Public], Tenant: {Scope: Tenant, Fingerprint: to.fingerprint, Objects: to.objects},
	}}
	return p, (&Fleet{}).plan(ctx, in, want, []*unit{{plan: p, origin: from}})
}
