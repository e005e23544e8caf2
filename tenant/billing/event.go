package billing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// The states of a subscription, as public.subscription_state has them.
const (
	stateTrialing = "trialing"
	stateActive   = "active"
	statePastDue  = "past_due"
	stateCanceled = "canceled"
)

// states are the provider's words for them. Any other word, such as that a first
// payment is not complete, is no subscription yet.
var states = map[string]string{
	"trialing": stateTrialing,
	"active":   stateActive,
	"past_due": statePastDue,
	"unpaid":   statePastDue,
	"paused":   statePastDue,
	"canceled": stateCanceled,
}

// subscriptionEvents is how the types of events begin that are about a
// subscription. The others tell of invoices and payments, whose outcome is the
// state of a subscription.
const subscriptionEvents = "customer.subscription."

// envelope is what every event has.
type envelope struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created int64  `json:"created"`
	Data    struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// object is a subscription as the provider tells it: Stripe's Subscription object
// (https://docs.stripe.com/api/subscriptions/object), of which older versions have
// the period beside the items and newer ones within.
type object struct {
	period

	ID         string            `json:"id"`
	Status     string            `json:"status"`
	CanceledAt int64             `json:"canceled_at"`
	EndedAt    int64             `json:"ended_at"`
	TrialEnd   int64             `json:"trial_end"`
	Metadata   map[string]string `json:"metadata"`
	Items      struct {
		Data []item `json:"data"`
	} `json:"items"`
}

type item struct {
	period

	Quantity int32 `json:"quantity"`
	Price    struct {
		LookupKey string `json:"lookup_key"`
	} `json:"price"`
}

type period struct {
	Start int64 `json:"current_period_start"`
	End   int64 `json:"current_period_end"`
}

// change is what an event says of a tenant's subscription.
type change struct {
	external   string // the subscription's id at the provider
	tenant     tenant.ID
	plan       string
	state      string
	seats      int32
	at         time.Time // when it came to be so
	start, end time.Time
	trialEnd   *time.Time
	canceledAt *time.Time
}

// about reads as much of an event as the webhook must know. An event that says
// nothing of a subscription is not kept.
func about(body []byte) (id string, keep bool, err error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return "", false, errors.New("the event is not JSON of the kind that is expected")
	}
	if e.ID == "" || len(e.ID) > 255 || strings.ContainsRune(e.ID, 0) {
		return "", false, errors.New("the event has no id")
	}
	return e.ID, strings.HasPrefix(e.Type, subscriptionEvents), nil
}

// read reads an event. ok is false when there is nothing to apply: then only the
// subscription and the provider's word for its state are known.
func read(payload []byte) (c change, ok bool, err error) {
	var e envelope
	var o object
	if err := json.Unmarshal(payload, &e); err != nil {
		return c, false, fmt.Errorf("read the event: %w", err)
	}
	if err := json.Unmarshal(e.Data.Object, &o); err != nil {
		return c, false, fmt.Errorf("read the subscription: %w", err)
	}
	state, known := states[o.Status]
	if !known {
		return change{external: o.ID, state: o.Status}, false, nil
	}
	c = change{external: o.ID, state: state, at: time.Unix(e.Created, 0).UTC(), seats: 1, plan: o.Metadata["plan"]}
	if o.ID == "" || e.Created <= 0 {
		return c, false, errors.New("the event has no subscription, or no time")
	}
	if c.tenant, err = tenant.ParseID(o.Metadata["tenant"]); err != nil {
		return c, false, errors.New(`metadata.tenant of the subscription is not a tenant's id: set it where the subscription is made`)
	}
	p := o.period
	if len(o.Items.Data) > 0 {
		first := o.Items.Data[0]
		if first.Price.LookupKey != "" {
			c.plan = first.Price.LookupKey
		}
		c.seats = max(first.Quantity, 1)
		if p.End == 0 {
			p = first.period
		}
	}
	if c.plan == "" {
		return c, false, errors.New("the subscription names no plan: give its price the plan's name as lookup_key, or set metadata.plan")
	}
	if p.Start <= 0 || p.End <= p.Start {
		return c, false, errors.New("the subscription has no current period")
	}
	c.start, c.end = time.Unix(p.Start, 0).UTC(), time.Unix(p.End, 0).UTC()
	c.trialEnd, c.canceledAt = moment(o.TrialEnd), c.ended(o)
	return c, true, nil
}

// ended is when a canceled subscription was canceled. It is nil for all others,
// which may have been told to end with their period.
func (c change) ended(o object) *time.Time {
	if c.state != stateCanceled {
		return nil
	}
	for _, seconds := range []int64{o.EndedAt, o.CanceledAt} {
		if at := moment(seconds); at != nil {
			return at
		}
	}
	return &c.at
}

func moment(seconds int64) *time.Time {
	if seconds <= 0 {
		return nil
	}
	at := time.Unix(seconds, 0).UTC()
	return &at
}
