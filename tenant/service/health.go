package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// readyTimeout bounds the database's answer to a probe.
const readyTimeout = 2 * time.Second

// pinger is a database that can be asked whether it answers.
type pinger interface {
	Ping(ctx context.Context) error
}

// openProbe opens a connection for readiness alone. Through the connections of
// the tenants, a few slow queries of one would look like a database that is gone,
// and take the service from all the others.
func openProbe(ctx context.Context, runtimeURL string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(runtimeURL)
	if err != nil {
		return nil, errDatabaseURL
	}
	config.MaxConns, config.MinConns, config.MinIdleConns = 1, 0, 0
	return pgxpool.NewWithConfig(ctx, config)
}

// withHealth answers the probes, on any host: probes come by IP address.
func withHealth(db pinger, logger *slog.Logger, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := db.Ping(ctx); err != nil {
			logger.WarnContext(ctx, "not ready", "error", err.Error())
			writeStatus(w, http.StatusServiceUnavailable, "unavailable")
			return
		}
		writeStatus(w, http.StatusOK, "ok")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What belongs to a tenant and a user has no place in anybody's cache.
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			mux.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// writeStatus answers a probe. One that has gone misses nothing.
func writeStatus(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "{\"status\":%q}\n", word)
}
