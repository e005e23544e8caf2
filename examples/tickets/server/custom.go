package main

import (
	"github.com/oapi-codegen/nullable"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"

	"example.com/tickets/gen/api"
	"example.com/tickets/gen/tenantdb"
)

// custom holds the operations that no single query answers: search.go has the
// search, state.go what moves a ticket. It keeps nothing between requests.
type custom struct{}

// ticket is a row as the API shows it; f collects what cannot be shown.
func ticket(f *rest.Fields, t tenantdb.Ticket) api.Ticket {
	return api.Ticket{
		Id: t.ID, Number: t.Number, QueueId: t.QueueID, Subject: t.Subject, Body: t.Body,
		Priority: t.Priority, State: api.TicketState(t.State), Requester: t.Requester,
		Assignee:  null(t.Assignee),
		RespondBy: rest.Take(f, "respond_by", rest.UTC, t.RespondBy),
		CreatedAt: rest.Take(f, "created_at", rest.UTC, t.CreatedAt),
		UpdatedAt: rest.Take(f, "updated_at", rest.UTC, t.UpdatedAt),
	}
}

func null[T any](p *T) nullable.Nullable[T] {
	if p == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*p)
}
