package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
)

// maxHeader bounds a request's header. A bearer token is the largest part of it.
const maxHeader = 32 << 10

func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) && setting == "ADDR" {
		return nil, fmt.Errorf("listen on ADDR: %w; set PORT to another port, such as PORT=8081", err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", setting, err)
	}
	return listener, nil
}

// endpoint is a handler with where it is reached.
type endpoint struct {
	name     string // empty: the API
	listener net.Listener
	handler  http.Handler
}

// Names of endpoints other than the API.
const (
	operatorEndpoint = "operator"
	tlsAskEndpoint   = "tls-ask"
)

// listenAll listens for the API, which comes first, and, where that is asked for,
// for operators and for what a proxy asks.
func listenAll(ctx context.Context, s *settings) ([]endpoint, error) {
	var all []endpoint
	for _, e := range []struct{ name, setting, address string }{
		{"", "ADDR", s.Addr}, {operatorEndpoint, "OPERATOR_ADDR", s.OperatorAddr}, {tlsAskEndpoint, "TLS_ASK_ADDR", s.TLSAskAddr},
	} {
		if e.address == "" {
			continue
		}
		listener, err := listen(ctx, e.setting, e.address)
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		all = append(all, endpoint{name: e.name, listener: listener})
	}
	return all, nil
}

// handle gives each endpoint its handler.
func (s *Service) handle(endpoints []endpoint) {
	handlers := map[string]http.Handler{"": s.handler, operatorEndpoint: s.operator, tlsAskEndpoint: s.tlsAsk}
	for i := range endpoints {
		endpoints[i].handler = handlers[endpoints[i].name]
	}
}

func closeAll(endpoints []endpoint) error {
	errs := make([]error, len(endpoints))
	for i, e := range endpoints {
		errs[i] = e.listener.Close()
	}
	return errors.Join(errs...)
}

// serve serves until ctx ends. Then it takes no more requests and gives the
// running ones some time.
func serve(ctx context.Context, s *settings, logger *slog.Logger, endpoints ...endpoint) error {
	failed := make(chan error, len(endpoints))
	servers := make([]*http.Server, len(endpoints))
	for i, e := range endpoints {
		server := newServer(s, e.handler, logger)
		servers[i] = server
		go func() { failed <- server.Serve(e.listener) }()
		attrs := []any{"address", e.listener.Addr().String(), "base_domain", s.BaseDomain}
		if e.name != "" {
			attrs = []any{"api", e.name, "address", e.listener.Addr().String()}
		}
		logger.InfoContext(ctx, "listening", attrs...)
		if e.name == tlsAskEndpoint && !inside(e.listener.Addr()) {
			logger.WarnContext(ctx, "TLS_ASK_ADDR may be reached from outside: whoever asks it learns which tenants there are; set it to a loopback or private address",
				"address", e.listener.Addr().String())
		}
	}
	var failure error
	select {
	case err := <-failed:
		failure = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		logger.Info("shutting down", "timeout", s.ShutdownTimeout.String())
	}
	return errors.Join(failure, shutDown(context.WithoutCancel(ctx), s, servers))
}

// inside tells whether an address is of this machine or a private network. One that
// stands for all addresses is not.
func inside(address net.Addr) bool {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return false
	}
	ip := at.Addr().Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
}

func newServer(s *settings, handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.ReadHeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// shutDown ends all servers at the same time.
func shutDown(ctx context.Context, s *settings, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, s.ShutdownTimeout)
	defer cancel()
	errs := make([]error, len(servers))
	var group sync.WaitGroup
	for i, server := range servers {
		group.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				errs[i] = errors.Join(fmt.Errorf("shut down with requests still running: %w", err), server.Close())
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
