package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/tickets/gen/api"
	"example.com/tickets/gen/handlers"
	"example.com/tickets/gen/tenantdb"
)

const selectTickets = `SELECT id, number, queue_id, subject, body, priority, state, requester, assignee, respond_by, created_at, updated_at
FROM tickets`

// SearchTickets puts the statement together from the filters that are given, so
// that each combination gets a plan of its own. Values are arguments, always.
func (custom) SearchTickets(ctx context.Context, q *tenantdb.Queries, req api.SearchTicketsRequestObject) (api.SearchTicketsResponseObject, error) {
	const operation = "searchTickets" // A cursor is good for its own list alone.
	var f rest.Fields
	cursor := rest.ParseCursor(ctx, &f, operation, 2, req.Params.Cursor)
	at := rest.CursorValue(&f, cursor, 0, rest.Same[*time.Time])
	id := rest.CursorValue(&f, cursor, 1, rest.Same[*uuid.UUID])
	if err := f.Invalid(); err != nil {
		return nil, err
	}
	w := ticketFilter(req.Params)
	if at != nil && id != nil {
		w.And("(respond_by, id) > ($?, $?)", *at, *id)
	}
	limit := int64(*req.Params.Limit) // The document has a default.
	sql := selectTickets + w.Where() + "ORDER BY respond_by, id LIMIT " + w.Arg(limit+1)
	rows, err := q.Querier().Query(ctx, string(sql), w.Args()...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tenantdb.Ticket])
	if err != nil {
		return nil, err
	}
	found, next := rest.NextPage(ctx, &f, operation, found, limit, func(_ *rest.Fields, t tenantdb.Ticket) []any { return []any{t.RespondBy, t.ID} })
	page := api.SearchTickets200JSONResponse{Items: rest.Rows(&f, found, handlers.ToTicketFromTicket), NextCursor: rest.Nullable(next)}
	return page, f.Unanswerable()
}

func ticketFilter(p api.SearchTicketsParams) *tenant.Filter {
	w := &tenant.Filter{}
	if p.Q != nil {
		w.And("to_tsvector('english', subject || ' ' || body) @@ websearch_to_tsquery('english', $?)", *p.Q)
	}
	if p.State != nil {
		w.And("state = ANY ($?::ticket_state[])", *p.State)
	}
	if p.QueueId != nil {
		w.And("queue_id = $?", *p.QueueId)
	}
	if p.Assignee != nil {
		w.And("assignee = $?", *p.Assignee)
	}
	if *p.Late { // The document has a default.
		w.And("state = 'open' AND respond_by < now()")
	}
	return w
}
