package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// newSecret is 256 random bits as text: nothing that anybody could guess.
func newSecret() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // It never fails.
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// CreateInvitation invites somebody. Whoever did not come in time may be
// invited again.
func (c custom) CreateInvitation(ctx context.Context, q *tenantdb.Queries, req api.CreateInvitationRequestObject) (api.CreateInvitationResponseObject, error) {
	var in, out rest.Fields
	token := newSecret()
	hash := sha256.Sum256([]byte(token))
	params := tenantdb.CreateInvitationParams{
		Email: req.Body.Email, RoleID: req.Body.RoleId, TokenHash: hash[:], InvitedBy: rest.Subject(ctx),
		ValidFor: rest.Take(&in, "body.valid_for", rest.Null(rest.OpenNullable[string], rest.StringToInterval[string], rest.BuildInterval), req.Body.ValidFor),
	}
	if err := in.Invalid(); err != nil {
		return nil, err
	}
	created, err := rest.Limited(ctx, q, func(ctx context.Context, q *tenantdb.Queries) (created tenantdb.CurrentInvitation, err error) {
		err = q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
			if _, err := tx.ExpireInvitations(ctx, rest.NotBefore(ctx)); err != nil {
				return err
			}
			id, err := tx.CreateInvitation(ctx, params)
			if err != nil {
				return err
			}
			created, err = tx.GetInvitation(ctx, id)
			return err
		})
		return created, err
	})
	if err != nil {
		return nil, err
	}
	body := api.CreatedInvitation{Token: token, Invitation: handlers.ToInvitationFromCurrentInvitation(&out, created)}
	if err := out.Unanswerable(); err != nil {
		return nil, err
	}
	body.Mailed = c.mailInvitation(ctx, created, token)
	return api.CreateInvitation201JSONResponse{
		Body:    body,
		Headers: api.CreateInvitation201ResponseHeaders{Location: new("/v1/invitations/" + created.ID.String())},
	}, nil
}

// AcceptInvitation makes a member of somebody invited. An invitation from before
// the tenant's credentials began that count is as dead as a token from then.
func (c custom) AcceptInvitation(ctx context.Context, q *tenantdb.Queries, req api.AcceptInvitationRequestObject) (api.AcceptInvitationResponseObject, error) {
	row, err := rest.Limited(ctx, q, func(ctx context.Context, q *tenantdb.Queries) (tenantdb.AcceptInvitationRow, error) {
		return q.AcceptInvitation(ctx, tenantdb.AcceptInvitationParams{
			Token: req.Body.Token, DisplayName: req.Body.DisplayName, NotBefore: rest.NotBefore(ctx),
		})
	})
	if err != nil {
		return nil, err
	}
	var out rest.Fields
	body := handlers.ToNewMemberFromAcceptInvitationRow(&out, row)
	if err := out.Unanswerable(); err != nil {
		return nil, err
	}
	return api.AcceptInvitation200JSONResponse(body), nil
}

// mailInvitation tells whether the mail to the invited was taken. Nothing depends
// on it: whoever invites has the token as well, and can hand it over.
func (c custom) mailInvitation(ctx context.Context, i tenantdb.CurrentInvitation, token string) bool {
	if c.mail == nil {
		return false
	}
	of, _ := tenant.FromContext(ctx)
	err := c.mail(ctx, mail.Message{
		ID: "invitation-" + i.ID.String(), To: i.Email, Subject: "Join " + of.Slug,
		Text: fmt.Sprintf("%s invites you to join %s as %s.\n\nYour token is\n\n%s\n\nIt is good until %s, and once. If you know nobody there, do nothing.\n",
			rest.Subject(ctx), of.Slug, i.Role, token, i.ExpiresAt.UTC().Format("2 January 2006, 15:04 MST")),
	})
	if err != nil {
		c.logger.WarnContext(ctx, "the mail to somebody invited was not taken", "request_id", rest.RequestID(ctx), "error", err.Error())
	}
	return err == nil
}

var errNotPermitted = errors.New("must be permitted to the user")

// CreateAPIKey makes a key that can do no more than its user. That it can do no
// more than who makes it is seen to by bounds. Only its public part and a keyed
// hash of the rest are stored.
func (c custom) CreateAPIKey(ctx context.Context, q *tenantdb.Queries, req api.CreateAPIKeyRequestObject) (api.CreateAPIKeyResponseObject, error) {
	var in, out rest.Fields
	of, _ := tenant.FromContext(ctx)
	key := identity.NewAPIKey(c.keys, of.ID)
	params := tenantdb.CreateAPIKeyParams{
		UserID: req.Body.UserId, Name: req.Body.Name, Prefix: key.Prefix, SecretHash: key.Hash(c.keys),
		Permissions: labels[tenantdb.Permission](req.Body.Permissions),
		ExpiresAt:   rest.Take(&in, "body.expires_at", optionalUTC, pointer(req.Body.ExpiresAt)),
	}
	if err := in.Invalid(); err != nil {
		return nil, err
	}
	var created tenantdb.CreateAPIKeyRow
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) error {
		user, err := tx.GetUser(ctx, req.Body.UserId)
		if err != nil {
			return err
		}
		if !user.Active {
			return rest.Errorf(http.StatusConflict, "the user is not active")
		}
		if err := permitted(params.Permissions, user.Permissions); err != nil {
			return err
		}
		created, err = tx.CreateAPIKey(ctx, params)
		return err
	})
	if err != nil {
		return nil, err
	}
	body := api.CreatedAPIKey{Key: key.String(), ApiKey: handlers.ToAPIKeyFromCreateAPIKeyRow(&out, created)}
	if err := out.Unanswerable(); err != nil {
		return nil, err
	}
	return api.CreateAPIKey201JSONResponse{
		Body:    body,
		Headers: api.CreateAPIKey201ResponseHeaders{Location: new("/v1/api-keys/" + strconv.FormatInt(created.ID, 10))},
	}, nil
}

// permitted holds the permissions of a key against those of its user.
func permitted(wanted, user []tenantdb.Permission) error {
	var f rest.Fields
	for i, p := range wanted {
		if !slices.Contains(user, p) {
			f.Add("body.permissions."+strconv.Itoa(i), errNotPermitted)
		}
	}
	return f.Invalid()
}
