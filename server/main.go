// Command server is the reference service: the generated API of openapi.yaml,
// one tenant per host name, on PostgreSQL. With nothing set it brings its own
// database and two demo tenants.
//
// It wires gen/, tenant/, go-oidc and net/http together; what it does by hand
// for the API is in custom_*.go. It imports neither Atlas nor sqlc.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second Ctrl-C ends the process at once.
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then shuts down in order. What people read goes to
// stdout, the log to stderr.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) (err error) {
	reset := false
	for _, arg := range args {
		switch arg {
		case "--help", "-help", "-h":
			return writeHelp(stdout)
		case "--reset", "-reset":
			reset = true
		default:
			return fmt.Errorf("unknown argument %q; all settings come from the environment, see --help", arg)
		}
	}
	s, err := readSettings(environ)
	if err != nil {
		return err
	}
	if reset && !s.embedded() {
		return errors.New("--reset is for the embedded database alone, and DATABASE_URL is set")
	}
	logger := newLogger(stderr, s)
	listener, err := listen(ctx, s) // First, so that a port in use costs no database.
	if err != nil {
		return err
	}
	back, err := openBackend(ctx, s, reset, logger)
	if err != nil {
		err = errors.Join(err, listener.Close())
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted while starting: %w", err)
		}
		return err
	}
	defer func() { err = errors.Join(err, back.close()) }()
	handler, err := newHandler(s, back, logger)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := back.announce(stdout, listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serve(ctx, s, listener, handler, logger)
}
