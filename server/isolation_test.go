package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bailiwick-dev/bailiwick/gen/api"
	"github.com/bailiwick-dev/bailiwick/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/gen/tenantdb"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// statement is a hand-written operation that runs what the suite wants run.
type statement struct {
	handlers.Custom

	run func(ctx context.Context, q *tenantdb.Queries) error
}

func (s statement) ListFindings(ctx context.Context, q *tenantdb.Queries, _ api.ListFindingsRequestObject) (api.ListFindingsResponseObject, error) {
	if err := s.run(ctx, q); err != nil {
		return nil, err
	}
	return api.ListFindings200JSONResponse{}, nil
}

// throughHandler runs a statement in a handler of the generated API, with the
// querier that the generated code bound.
func throughHandler(ctx context.Context, db *tenant.DB, t tenant.Tenant, inTx bool, sql string, args []any) (got []string, err error) {
	_, bindErr := db.Bind(t)
	called := false
	query := func(ctx context.Context, q *tenantdb.Queries) error {
		rows, err := q.Querier().Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return err
			}
			got = append(got, fmt.Sprint(values[0]))
		}
		return rows.Err()
	}
	custom := statement{run: func(handlerCtx context.Context, q *tenantdb.Queries) error {
		called = true
		use := handlerCtx
		if _, foreign := tenant.FromContext(ctx); foreign { // A handler that took its context from elsewhere.
			use = ctx
		}
		if inTx {
			err = q.InTx(use, tenant.TxOptions{}, query)
		} else {
			err = query(use, q)
		}
		return err
	}}
	api, newErr := handlers.New(handlers.Config{DB: db, Custom: custom, Options: rest.Options{
		PlanLimits: billing.Limits(db, counts),
		Logger:     slog.New(slog.DiscardHandler),
		Scoped:     true,
		Authenticate: func(r *http.Request, _ rest.Operation) (context.Context, error) {
			return rest.WithScopes(tenant.NewContext(r.Context(), t), []string{"view_findings"}), nil
		},
	}})
	if newErr != nil {
		return nil, newErr
	}
	recorder := httptest.NewRecorder()
	api.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/findings", nil))
	switch {
	case !called && bindErr != nil && recorder.Code >= http.StatusBadRequest:
		return nil, bindErr
	case !called || (err == nil) != (recorder.Code == http.StatusOK):
		return nil, errors.Join(err, fmt.Errorf("status %d: %s", recorder.Code, recorder.Body))
	case err != nil:
		return nil, err
	}
	return got, nil
}

// The isolation suite against queriers that generated handlers bind.
func TestIsolationThroughHandlers(t *testing.T) {
	t.Parallel()
	tenanttest.Isolation(t, tenant.Config{AnySchema: true}, []tenanttest.Way{ // The suite has a schema of its own.
		{Name: "handler", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
			return throughHandler(ctx, db, t, false, sql, args)
		}},
		{Name: "handler with a transaction", Run: func(ctx context.Context, db *tenant.DB, t tenant.Tenant, sql string, args ...any) ([]string, error) {
			return throughHandler(ctx, db, t, true, sql, args)
		}},
	}, nil)
}
