package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/tickets/gen/api"
	"example.com/tickets/gen/handlers"
	"example.com/tickets/gen/tenantdb"
)

const selectTickets = `SELECT id, number, queue_id, subject, body, priority, state, requester, assignee, respond_by, created_at, updated_at
FROM tickets WHERE true`

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
	s := ticketFilter(req.Params)
	if at != nil && id != nil {
		s.and("(respond_by, id) > (%s, %s)", *at, *id)
	}
	limit := int64(*req.Params.Limit) // The document has a default.
	s.sql.WriteString(" ORDER BY respond_by, id LIMIT " + s.arg(limit+1))
	rows, err := q.Querier().Query(ctx, s.sql.String(), s.args...)
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

// search is a statement in the making.
type search struct {
	sql  strings.Builder
	args []any
}

func ticketFilter(p api.SearchTicketsParams) *search {
	s := &search{}
	s.sql.WriteString(selectTickets)
	if p.Q != nil {
		s.and("to_tsvector('english', subject || ' ' || body) @@ websearch_to_tsquery('english', %s)", *p.Q)
	}
	if p.State != nil {
		s.and("state = ANY (%s::ticket_state[])", *p.State)
	}
	if p.QueueId != nil {
		s.and("queue_id = %s", *p.QueueId)
	}
	if p.Assignee != nil {
		s.and("assignee = %s", *p.Assignee)
	}
	if *p.Late { // The document has a default.
		s.and("state = 'open' AND respond_by < now()")
	}
	return s
}

// arg adds an argument and gives its place.
func (s *search) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// and adds a condition, in which each %s is the place of a value.
func (s *search) and(condition string, values ...any) {
	places := make([]any, len(values))
	for i, v := range values {
		places[i] = s.arg(v)
	}
	fmt.Fprintf(&s.sql, " AND "+condition, places...)
}
