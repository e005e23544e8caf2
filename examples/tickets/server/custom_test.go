package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newQueue(t *testing.T, c client, name string) any {
	t.Helper()
	return c.want(t, 201, "POST", "/v1/queues", object{"name": name})["id"]
}

// open opens a ticket and gives its path.
func open(t *testing.T, c client, queue any, subject, priority string) string {
	t.Helper()
	ticket := c.want(t, 201, "POST", "/v1/tickets", object{"queue_id": queue, "subject": subject, "body": "Please look.", "priority": priority})
	return fmt.Sprintf("/v1/tickets/%s", ticket["id"])
}

func TestTickets(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	queue := newQueue(t, acme, "Billing")
	acme.want(t, 409, "POST", "/v1/queues", object{"name": "Billing"})
	path := open(t, acme, queue, "No number", "urgent")
	acme.want(t, 404, "POST", "/v1/tickets", object{"queue_id": queue, "subject": "x", "body": "", "priority": "none"})
	acme.want(t, 409, "POST", "/v1/tickets", object{"queue_id": "00000000-0000-4000-8000-000000000000", "subject": "x", "body": ""})

	ticket := acme.want(t, 200, "GET", path, nil)
	text, _ := ticket["respond_by"].(string)
	if by, err := time.Parse(time.RFC3339, text); err != nil || time.Until(by) > time.Hour || ticket["requester"] != "ann" || ticket["number"] != 1.0 {
		t.Errorf("ticket: %v, %v", ticket, err)
	}
	etag := acme.do(t, "GET", path, nil).Header().Get("ETag")
	for _, status := range []int{200, 412} { // Of two who take it, one does.
		if w := acme.do(t, "PATCH", path, object{"assignee": "ann"}, "If-Match", etag); w.Code != status {
			t.Errorf("%d instead of %d: %s", w.Code, status, w.Body)
		}
	}
	work := items(t, acme.want(t, 200, "GET", "/v1/reports/workload", nil))
	if len(work) != 1 || work[0]["assignee"] != "ann" || work[0]["open"] != 1.0 {
		t.Errorf("workload: %v", work)
	}
	if left := acme.want(t, 200, "PATCH", path, object{"assignee": nil}); left["assignee"] != nil {
		t.Errorf("ticket: %v", left)
	}
	acme.want(t, 409, "PATCH", path, object{"priority": "none"})
}

func TestATicketIsOpenedOnce(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	ticket := object{"queue_id": newQueue(t, acme, "Billing"), "subject": "Again", "body": "and again"}
	for i := range 3 {
		w := acme.do(t, "POST", "/v1/tickets", ticket, "Idempotency-Key", "one")
		if replayed := w.Header().Get("Idempotency-Replayed"); w.Code != 201 || (replayed == "true") != (i > 0) {
			t.Errorf("%d: replayed %q: %s", w.Code, replayed, w.Body)
		}
	}
	if seen := items(t, acme.want(t, 200, "GET", "/v1/tickets", nil)); len(seen) != 1 {
		t.Errorf("tickets: %v", seen)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	billing, other := newQueue(t, acme, "Billing"), newQueue(t, acme, "Other")
	open(t, acme, billing, "Invoices have no numbers", "low")
	open(t, acme, billing, "Charged for an invoice twice", "urgent")
	solved := open(t, acme, other, "Printer on fire", "normal")
	acme.want(t, 200, "PUT", solved+"/state", object{"state": "solved"})
	const invoices, twice, printer = "Invoices have no numbers", "Charged for an invoice twice", "Printer on fire"
	for query, want := range map[string][]any{
		"":                                {twice, printer, invoices},
		"q=invoice":                       {twice, invoices},
		"q=invoice+-twice":                {invoices},
		"q=%22no+numbers%22":              {invoices},
		"q=%27%3B+DROP+TABLE+tickets":     {},
		"state=solved":                    {printer},
		"state=open&state=solved":         {twice, printer, invoices},
		fmt.Sprintf("queue_id=%s", other): {printer},
		"assignee=ann":                    {},
		"late=true":                       {},
	} {
		if diff := cmp.Diff(want, each(t, acme.want(t, 200, "GET", "/v1/tickets?"+query, nil), "subject")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	first := acme.want(t, 200, "GET", "/v1/tickets?limit=2", nil)
	next := acme.want(t, 200, "GET", fmt.Sprintf("/v1/tickets?limit=2&cursor=%s", first["next_cursor"]), nil)
	if got := each(t, next, "subject"); !cmp.Equal(got, []any{invoices}) || next["next_cursor"] != nil {
		t.Errorf("the second page: %v", got)
	}
	queues := items(t, acme.want(t, 200, "GET", "/v1/queues", nil))
	if len(queues) != 2 || queues[0]["open"] != 2.0 || queues[1]["open"] != 0.0 {
		t.Errorf("queues: %v", queues)
	}
}

func TestMoves(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	queue := newQueue(t, acme, "Billing")
	for _, c := range []struct {
		states []string
		last   int
	}{
		{[]string{"pending", "open", "solved", "closed"}, 200},
		{[]string{"pending", "closed"}, 409},
		{[]string{"solved", "closed", "open"}, 409},
		{[]string{"solved", "closed", "closed"}, 409},
		{[]string{"open", "open"}, 200},
		{[]string{"lost"}, 422},
	} {
		path := open(t, acme, queue, "Invoice", "normal")
		for i, state := range c.states {
			status := 200
			if i == len(c.states)-1 {
				status = c.last
			}
			acme.want(t, status, "PUT", path+"/state", object{"state": state})
		}
	}
}

func TestCommentsOpenATicket(t *testing.T) {
	t.Parallel()
	acme, _ := newClients(t)
	path := open(t, acme, newQueue(t, acme, "Billing"), "Invoice", "normal")
	acme.want(t, 200, "PUT", path+"/state", object{"state": "pending"})
	acme.want(t, 201, "POST", path+"/comments", object{"body": "Here it is."})
	if got := acme.want(t, 200, "GET", path, nil); got["state"] != "open" {
		t.Errorf("ticket: %v", got)
	}
	acme.want(t, 200, "PUT", path+"/state", object{"state": "solved"})
	acme.want(t, 200, "PUT", path+"/state", object{"state": "closed"})
	acme.want(t, 409, "POST", path+"/comments", object{"body": "Too late."})
	if got := each(t, acme.want(t, 200, "GET", path+"/comments", nil), "body"); !cmp.Equal(got, []any{"Here it is."}) {
		t.Errorf("comments: %v", got)
	}
}

// What one help desk has, another one neither finds nor changes.
func TestHelpDesksAreApart(t *testing.T) {
	t.Parallel()
	acme, globex := newClients(t)
	queue := newQueue(t, acme, "Billing")
	path := open(t, acme, queue, "Secret", "normal")
	for _, list := range []string{"/v1/queues", "/v1/tickets", "/v1/tickets?q=secret", path + "/comments", "/v1/reports/workload"} {
		if seen := items(t, globex.want(t, 200, "GET", list, nil)); len(seen) != 0 {
			t.Errorf("%s: globex sees %v", list, seen)
		}
	}
	globex.want(t, 404, "GET", path, nil)
	globex.want(t, 404, "PATCH", path, object{"assignee": "eve"})
	globex.want(t, 404, "PUT", path+"/state", object{"state": "solved"})
	globex.want(t, 404, "POST", path+"/comments", object{"body": "Mine."})
	globex.want(t, 409, "POST", "/v1/tickets", object{"queue_id": queue, "subject": "x", "body": ""})
	if got := acme.want(t, 200, "GET", path, nil); got["state"] != "open" || got["assignee"] != nil {
		t.Errorf("acme's ticket: %v", got)
	}
}
