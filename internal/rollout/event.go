package rollout

import "time"

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	// WaveStarted and WaveDone enclose the events of a wave.
	WaveStarted EventKind = "wave started"
	WaveDone    EventKind = "wave done"
	// TargetDone, TargetFailed and TargetSkipped are each the last event of a
	// schema in this run.
	TargetDone    EventKind = "done"
	TargetFailed  EventKind = "failed"
	TargetSkipped EventKind = "skipped"
	// Retried: a lock was not to be had in time; the schema is tried again later.
	Retried EventKind = "retried"
	// Batched: a backfill has done some more rows; Message is the last one's key.
	Batched EventKind = "batched"
	// Soaking: there is a wait before the next wave.
	Soaking EventKind = "soaking"
	// Noted: something that people want to know; Message has it.
	Noted EventKind = "noted"
)

// Event is something that happened in a rollout.
type Event struct {
	Kind EventKind `json:"kind"`
	// Group and Wave are where. Waves is their number, and Wave begins at 1.
	Group string `json:"group,omitempty"`
	Wave  int    `json:"wave,omitempty"`
	Waves int    `json:"waves,omitempty"`
	// Slug is the tenant's, or "public".
	Slug    string `json:"slug,omitempty"`
	Message string `json:"message,omitempty"`
	// Wait is how long a soak takes, or until a schema is tried again.
	Wait time.Duration `json:"wait,omitempty"`
	// Done, of Total, is how many schemas need no more work.
	Done  int `json:"done"`
	Total int `json:"total"`
}

func (e *Engine) tell(event Event) {
	if e.config.Progress == nil {
		return
	}
	e.progress.Lock()
	defer e.progress.Unlock()
	e.config.Progress(event)
}
