package main

import (
	"context"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/publicdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
)

// CreateSignup takes down what somebody wants. Its answer is the same for all.
func (c custom) CreateSignup(ctx context.Context, _ *publicdb.Queries, req api.CreateSignupRequestObject) (api.CreateSignupResponseObject, error) {
	err := c.signups.Request(ctx, signup.Request{
		Slug: req.Body.Slug, Name: req.Body.Name, Email: req.Body.Email, Plan: req.Body.Plan,
	})
	if err != nil {
		return nil, err
	}
	return api.CreateSignup202JSONResponse{State: api.SignupStatePending, ValidFor: isoDuration(c.signups.Expiry())}, nil
}

// ConfirmSignup takes a token for the proof that an address is its bearer's.
func (c custom) ConfirmSignup(ctx context.Context, _ *publicdb.Queries, req api.ConfirmSignupRequestObject) (api.ConfirmSignupResponseObject, error) {
	s, err := c.signups.Confirm(ctx, req.Body.Token)
	if err != nil {
		return nil, err
	}
	return api.ConfirmSignup202JSONResponse{
		Body:    toSignup(s),
		Headers: api.ConfirmSignup202ResponseHeaders{Location: new("/v1/signups/" + s.ID.String())},
	}, nil
}

// GetSignup tells the bearer of its token how far a sign-up is.
func (c custom) GetSignup(ctx context.Context, _ *publicdb.Queries, req api.GetSignupRequestObject) (api.GetSignupResponseObject, error) {
	s, err := c.signups.Look(ctx, tenant.ID(req.SignupId), req.Params.SignupToken)
	if err != nil {
		return nil, err
	}
	return api.GetSignup200JSONResponse(toSignup(s)), nil
}

func toSignup(s signup.Signup) api.Signup {
	out := api.Signup{
		Id: [16]byte(s.ID), Slug: s.Slug, State: api.SignupState(s.State),
		Host: nullable.NewNullNullable[string](), Reason: nullable.NewNullNullable[string](),
	}
	if s.Host != "" {
		out.Host.Set(s.Host)
	}
	if s.Reason != "" {
		out.Reason.Set(s.Reason)
	}
	return out
}

// isoDuration writes a duration of whole seconds as RFC 3339 does, such as PT24H.
func isoDuration(d time.Duration) string {
	text := "PT" + strings.ToUpper(d.Truncate(time.Second).String())
	if short, ok := strings.CutSuffix(text, "M0S"); ok {
		text = short + "M"
	}
	if short, ok := strings.CutSuffix(text, "H0M"); ok {
		text = short + "H"
	}
	return text
}
