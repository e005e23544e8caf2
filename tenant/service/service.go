// Package service is the wiring of a service: settings from the environment, a
// database that is brought along or configured, tokens, the tenant of each
// request, probes, limits, CORS, compression, the document's pages, and an
// orderly end. A project's server/main.go says what is its own and calls [Main]:
//
//	func main() {
//		service.Main(service.Config{
//			Name:    "shop",
//			Schema:  catalog.Schema{Public: schema.Public, Tenant: schema.Tenant, Seed: schema.Seed},
//			OpenAPI: shop.OpenAPI,
//			Handler: func(b service.Backend) (http.Handler, error) {
//				return handlers.New(handlers.Config{DB: b.DB, Custom: custom{}, Options: b.Options})
//			},
//		})
//	}
//
// A program that listens by itself calls [Open] and mounts [Service.Handler].
//
// The package imports the standard library, packages under tenant/, pgx,
// caarlos0/env, rs/cors and klauspost/compress/gzhttp.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/billing"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/identity"
	"github.com/bailiwick-dev/bailiwick/tenant/keyring"
	"github.com/bailiwick-dev/bailiwick/tenant/mail"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

// Config is what makes a service this one. Everything that differs from one
// installation to the next is a setting; `--help` lists those.
type Config struct {
	// Name is the program's name, in --help and in errors. Empty means "server".
	Name string
	// Schema is the desired state of the database.
	Schema catalog.Schema
	// OpenAPI is the document as YAML, which is served with a page to try it,
	// see DOCS. Nil means neither.
	OpenAPI []byte
	// Demo are the tenants that the embedded database starts with.
	Demo []DemoTenant
	// DemoRequest is the path and query of the curl line that is printed for
	// each of them, such as "/v1/findings?limit=3". Empty means no such line.
	DemoRequest string
	// Members says who belongs to a tenant and what they may do, on the project's
	// own tables; it is asked at each request. Nil means that every valid token of
	// the tenant is a member's, that there are no API keys, and that scopes are what
	// SCOPE_CLAIM says.
	Members identity.Members
	// Mail sends what the service has to tell by mail. Nil means that MAIL_URL
	// does; without that the embedded mode writes it to the log, and a configured
	// service sends nothing.
	Mail mail.Sender
	// Hooks are the project's own code around the steps in the life of tenants.
	// They, and not the commands of bailiwick.yaml, are asked before the steps that
	// the service takes: by the operator API, sign-ups, billing and AUTO_PURGE.
	// They are told of steps taken elsewhere where DATABASE_OWNER_URL is set.
	Hooks []catalog.Hook
	// Jobs are the project's own work beside requests, done where
	// DATABASE_OWNER_URL is set and in embedded mode. Nil means none.
	Jobs func(Owner) []worker.Job
	// Counts count what the plans of tenants limit, by the columns of public.plans
	// that operations name as their x-plan-limit. A database whose plans have no such
	// column of integers is refused at the start. Nil means no limits.
	Counts map[string]billing.Count
	// Handler builds the API once the database is open. It must not be nil.
	Handler func(Backend) (http.Handler, error)
	// Logger gets the log. Nil means one as LOG_LEVEL and LOG_FORMAT say.
	Logger *slog.Logger
}

// DemoTenant is a tenant of the embedded database, made at its first start.
type DemoTenant struct {
	// Slug, Name, Plan and OwnerEmail are those of [catalog.CreateParams]. The token
	// that is printed for the tenant is that of owner@SLUG.example.
	Slug, Name, Plan, OwnerEmail string
	// Seed fills the tenant's new schema, which is tx's search_path, in the
	// transaction that makes it. Nil means that it starts empty.
	Seed func(ctx context.Context, tx pgx.Tx, t tenant.Tenant, keys *keyring.Keyring) error
}

// Backend is what handlers work with.
type Backend struct {
	// DB runs the queries.
	DB *tenant.DB
	// Keys seal and sign, as SECRET_KEYS says.
	Keys *keyring.Keyring
	// Mail is Config.Mail, or what stands in for it. It is never nil.
	Mail mail.Sender
	// Signups is where people sign up. It is nil when they can't, and then answers
	// 404.
	Signups *signup.Desk
	// Options are complete, for handlers.Config.
	Options rest.Options
	// Logger is the service's.
	Logger *slog.Logger
}

// Main runs the service with the process's arguments, environment and streams
// until it is told to stop, and ends the process with status 1 when it fails.
func Main(cfg Config) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second Ctrl-C ends the process at once.
	err := Run(ctx, cfg, Process{Args: os.Args[1:], Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", cfg.name(), err)
		os.Exit(1)
	}
}

// Process is what [Run] has of the process around it.
type Process struct {
	// Args are the arguments after the program's name.
	Args []string
	// Environ is the environment, as of os.Environ.
	Environ []string
	// Stdin answers the question of --reset. Nil means nobody does.
	Stdin io.Reader
	// Stdout gets what people read, Stderr the log. Both must be set.
	Stdout, Stderr io.Writer
}

// Run serves until ctx ends, then shuts down in order.
func Run(ctx context.Context, cfg Config, p Process) (err error) {
	flags, err := parseFlags(p.Args)
	if err != nil {
		return err
	}
	if flags.help {
		return writeHelp(p.Stdout, cfg.name())
	}
	s, err := readSettings(p.Environ)
	if err != nil {
		return err
	}
	if flags.reset && !s.embedded() {
		return errors.New("--reset is for the embedded database alone, and DATABASE_URL is set")
	}
	if cfg.Logger == nil {
		cfg.Logger = newLogger(p.Stderr, s)
	}
	endpoints, err := listenAll(ctx, s) // First, so that a port in use costs no database.
	if err != nil {
		return err
	}
	service, err := open(ctx, cfg, s, resetter(flags, p))
	if err != nil {
		err = errors.Join(err, closeAll(endpoints))
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted while starting: %w", err)
		}
		return err
	}
	defer func() { err = errors.Join(err, service.Close()) }()
	defer context.AfterFunc(ctx, service.stopWorker)() // While the last requests end, the jobs do too.
	if err := service.announce(p.Stdout, endpoints[0].listener.Addr().String()); err != nil {
		return errors.Join(err, closeAll(endpoints))
	}
	service.handle(endpoints)
	return serve(ctx, s, cfg.Logger, endpoints...)
}

// Service is an open service: its database and its handler, without a listener.
type Service struct {
	cfg      Config
	settings *settings
	backend  Backend
	handler  http.Handler
	tlsAsk   http.Handler
	tokens   *identity.Tokens
	closers  []func() error
	// local is set in embedded mode.
	local *embedded
	// owner and worker are set where the owner role is given, or the mode is embedded.
	owner    *Owner
	worker   *worker.Worker
	operator http.Handler
}

// Open reads the settings from the environment (os.Environ()), opens the
// database and builds the handler. Settings about the listener have no effect.
// Close the Service once nothing is served any more.
func Open(ctx context.Context, cfg Config, environ []string) (*Service, error) {
	s, err := readSettings(environ)
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = newLogger(os.Stderr, s)
	}
	return open(ctx, cfg, s, nil)
}

// Handler serves everything: the API, the probes and the document's pages.
func (s *Service) Handler() http.Handler { return s.handler }

// Operator serves the operator API (package operator), for a listener that only
// operators reach. It is nil without OPERATOR_KEYS, or without the owner role.
func (s *Service) Operator() http.Handler { return s.operator }

// Backend is what the API's handlers work with, for jobs beside them.
func (s *Service) Backend() Backend { return s.backend }

// Close undoes what Open did, the last first.
func (s *Service) Close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (c Config) name() string {
	if c.Name == "" {
		return "server"
	}
	return c.Name
}
