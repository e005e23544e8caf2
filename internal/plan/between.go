package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// Between plans the way from one state of both scopes to another, as if there
// were one tenant: in.Tenants are not looked at, and of in.URL only the server's
// version, if it is given. A scope without a fingerprint is left out. Without to,
// it is the state that the schema files of in make.
func Between(ctx context.Context, in Input, from, to map[Scope]Target) (f *Fleet, err error) {
	in = in.withDefaults()
	s, err := openScratch(ctx, in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.done(ctx, in)) }()
	want, err := s.wanted(ctx, in, to)
	if err != nil {
		return nil, err
	}
	f = &Fleet{Desired: want.targets, PublicFirst: true}
	var units []*unit
	for _, scope := range []Scope{Public, Tenant} {
		is, desired := from[scope], want.targets[scope]
		if is.Fingerprint == "" {
			continue
		}
		group := StateGroup{Scope: scope, Fingerprint: is.Fingerprint, Schemas: []string{string(scope)}, Slugs: []string{string(scope)}}
		if is.Fingerprint != desired.Fingerprint {
			group.Plan = &Plan{
				Scope: scope, From: is.Fingerprint, To: desired.Fingerprint,
				Differences: fingerprint.Diff(is.Objects, desired.Objects),
			}
		}
		f.States = append(f.States, group)
		units = append(units, &unit{
			plan: group.Plan, origin: &origin{scope: scope, fingerprint: is.Fingerprint, objects: is.Objects},
		})
	}
	if len(f.Plans()) > 0 {
		err = f.plan(ctx, in, want, units)
	}
	return f, err
}

// wanted makes the desired state: from the schema files, or from objects.
func (s *scratch) wanted(ctx context.Context, in Input, to map[Scope]Target) (*desired, error) {
	if to == nil {
		return s.realise(ctx, in)
	}
	db, err := s.newDatabase(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := db.connect(ctx)
	if err != nil {
		return nil, err
	}
	d := &desired{database: db, targets: to}
	for _, scope := range []Scope{Public, Tenant} {
		if to[scope].Fingerprint == "" {
			continue
		}
		o := &origin{scope: scope, fingerprint: to[scope].Fingerprint, objects: to[scope].Objects}
		w, refused, err := o.clone(ctx, db, conn)
		if err != nil {
			return nil, err
		}
		if len(refused) > 0 {
			return nil, fmt.Errorf("plan: %s: %s", scope, strings.Join(refused, "; "))
		}
		if scope == Public {
			d.public = w
		} else {
			d.tenant = w
		}
	}
	return d, nil
}
