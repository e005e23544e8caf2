package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/tickets/gen/api"
	"example.com/tickets/gen/handlers"
	"example.com/tickets/gen/tenantdb"
)

// moves are where a ticket may go from each state.
var moves = map[tenantdb.TicketState][]tenantdb.TicketState{
	tenantdb.TicketStateOpen:    {tenantdb.TicketStatePending, tenantdb.TicketStateSolved},
	tenantdb.TicketStatePending: {tenantdb.TicketStateOpen, tenantdb.TicketStateSolved},
	tenantdb.TicketStateSolved:  {tenantdb.TicketStateOpen, tenantdb.TicketStateClosed},
	tenantdb.TicketStateClosed:  {},
}

// MoveTicket moves a ticket as moves allows.
func (custom) MoveTicket(ctx context.Context, q *tenantdb.Queries, req api.MoveTicketRequestObject) (api.MoveTicketResponseObject, error) {
	var moved tenantdb.Ticket
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) (err error) {
		moved, err = move(ctx, tx, req.TicketId, tenantdb.TicketState(req.Body.State))
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	return api.MoveTicket200JSONResponse(handlers.ToTicketFromTicket(&f, moved)), f.Unanswerable()
}

// AddComment says something of a ticket, which opens one that waited for it.
func (custom) AddComment(ctx context.Context, q *tenantdb.Queries, req api.AddCommentRequestObject) (api.AddCommentResponseObject, error) {
	var added tenantdb.Comment
	err := q.InTx(ctx, tenant.TxOptions{}, func(ctx context.Context, tx *tenantdb.Queries) (err error) {
		if _, err := move(ctx, tx, req.TicketId, tenantdb.TicketStateOpen); err != nil {
			return err
		}
		added, err = tx.CreateComment(ctx, tenantdb.CreateCommentParams{TicketID: req.TicketId, Author: rest.Subject(ctx), Body: req.Body.Body})
		return err
	})
	if err != nil {
		return nil, err
	}
	var f rest.Fields
	return api.AddComment201JSONResponse(handlers.ToCommentFromComment(&f, added)), f.Unanswerable()
}

// move holds the ticket, so that a second mover waits and then sees where it is.
// To where it is already, every ticket but a closed one may go.
func move(ctx context.Context, tx *tenantdb.Queries, id uuid.UUID, to tenantdb.TicketState) (tenantdb.Ticket, error) {
	from, err := tx.LockTicketState(ctx, id)
	if err != nil {
		return tenantdb.Ticket{}, err
	}
	if from == to && len(moves[from]) > 0 {
		return tx.GetTicket(ctx, id)
	}
	if !slices.Contains(moves[from], to) {
		return tenantdb.Ticket{}, rest.Errorf(http.StatusConflict, "the ticket is %s", from)
	}
	return tx.SetTicketState(ctx, tenantdb.SetTicketStateParams{TicketID: id, State: to})
}
