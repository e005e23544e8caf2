package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// bounds keep whoever manages users within what they may do themselves: nobody gives
// a permission that their credential lacks, or changes who and what has one. API
// keys and invitations are taken back by all of them: a leaked one can't wait.
type bounds struct{ db *tenant.DB }

// around is a middleware of the handlers.
func (b bounds) around(next api.StrictHandlerFunc, _ string) api.StrictHandlerFunc {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		concerned, err := b.concerned(ctx, request)
		if err == nil {
			err = rest.Demand(ctx, labels[string](concerned)...)
		}
		if err != nil {
			return nil, err
		}
		return next(ctx, w, r, request)
	}
}

// concerned are the permissions that a request gives, takes or changes somebody of.
func (b bounds) concerned(ctx context.Context, request any) ([]tenantdb.Permission, error) {
	switch r := request.(type) {
	case api.CreateRoleRequestObject:
		return labels[tenantdb.Permission](orZero(r.Body.Permissions)), nil
	case api.CreateAPIKeyRequestObject:
		return labels[tenantdb.Permission](r.Body.Permissions), nil
	case api.UpdateRoleRequestObject:
		before, err := b.ofRole(ctx, r.RoleId)
		return slices.Concat(before, labels[tenantdb.Permission](orZero(r.Body.Permissions))), err
	case api.DeleteRoleRequestObject:
		return b.ofRole(ctx, r.RoleId)
	case api.GrantRoleRequestObject:
		return b.ofRole(ctx, r.RoleId)
	case api.RevokeRoleRequestObject:
		return b.ofRole(ctx, r.RoleId)
	case api.CreateInvitationRequestObject:
		return b.ofRole(ctx, r.Body.RoleId)
	case api.UpdateUserRequestObject:
		return b.ofUser(ctx, r.UserId)
	case api.DeactivateUserRequestObject:
		return b.ofUser(ctx, r.UserId)
	}
	return nil, nil
}

func (b bounds) ofRole(ctx context.Context, id int64) ([]tenantdb.Permission, error) {
	return b.find(ctx, func(q *tenantdb.Queries) ([]tenantdb.Permission, error) {
		role, err := q.GetRole(ctx, id)
		return role.Permissions, err
	})
}

func (b bounds) ofUser(ctx context.Context, id api.UserID) ([]tenantdb.Permission, error) {
	return b.find(ctx, func(q *tenantdb.Queries) ([]tenantdb.Permission, error) {
		user, err := q.GetUser(ctx, id)
		return user.Permissions, err
	})
}

// find looks permissions up. Who or what is not there has none; the handler answers
// that in its own way.
func (b bounds) find(ctx context.Context, look func(*tenantdb.Queries) ([]tenantdb.Permission, error)) ([]tenantdb.Permission, error) {
	of, _ := tenant.FromContext(ctx)
	q, err := b.db.Bind(of)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	found, err := look(tenantdb.New(q))
	if tenant.CodeOf(err) == tenant.CodeNotFound {
		return nil, nil
	}
	return found, err
}
