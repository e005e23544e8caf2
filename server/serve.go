package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// maxHeader bounds a request's header. A bearer token is the largest part of it.
	maxHeader = 32 << 10
	// readyTimeout bounds the database's answer to a probe.
	readyTimeout = 2 * time.Second
)

func listen(ctx context.Context, s *settings) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on ADDR: %w", err)
	}
	return listener, nil
}

// serve serves until ctx ends. Then it takes no more requests and gives the
// running ones some time.
func serve(ctx context.Context, s *settings, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.ReadHeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	logger.InfoContext(ctx, "listening", "address", listener.Addr().String(), "base_domain", s.BaseDomain)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	logger.Info("shutting down", "timeout", s.ShutdownTimeout.String())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("shut down with requests still running: %w", err), server.Close())
	}
	return nil
}

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
		return nil, errors.New("DATABASE_URL can't be read") // Its own error would quote it.
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
