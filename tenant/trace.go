package tenant

import (
	"context"
	"time"
)

// Tracer observes the work of queriers. It must be safe for concurrent use. It
// sees statements, never their arguments.
type Tracer interface {
	// TraceStart is called before a statement is sent. The context that it
	// returns is used for the statement and handed to TraceEnd.
	TraceStart(ctx context.Context, s TraceStatement) context.Context
	// TraceEnd is called once when the statement's last row was read or it failed.
	TraceEnd(ctx context.Context, r TraceResult)
}

// TraceStatement is what is known of a statement before it runs.
type TraceStatement struct {
	// Tenant is bound; it is zero for a querier of public.
	Tenant Tenant
	// SQL is the text as the caller gave it, COPY or BATCH.
	SQL string
	// InTx tells whether the statement runs within InTx.
	InTx bool
}

// TraceResult is what is known of a statement after it ran.
type TraceResult struct {
	// Rows is the number of rows returned or affected.
	Rows int64
	// Duration is the time from sending the statement to its end.
	Duration time.Duration
	// Err is the failure, nil for success.
	Err error
}

// span is one traced statement. Its zero value traces nothing.
type span struct {
	tracer Tracer
	ctx    context.Context //nolint:containedctx // Tracers are handed their own context back.
	start  time.Time
}

func (db *DB) trace(ctx context.Context, q *Querier, sql string) (context.Context, span) {
	if db.config.Tracer == nil {
		return ctx, span{}
	}
	ctx = db.config.Tracer.TraceStart(ctx, TraceStatement{Tenant: q.Tenant(), SQL: sql, InTx: q.tx != nil})
	return ctx, span{tracer: db.config.Tracer, ctx: ctx, start: time.Now()}
}

func (s *span) end(rows int64, err error) {
	if s.tracer == nil {
		return
	}
	s.tracer.TraceEnd(s.ctx, TraceResult{Rows: rows, Duration: time.Since(s.start), Err: err})
	s.tracer = nil
}
