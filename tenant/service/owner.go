package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/devpg"
	"github.com/bailiwick-dev/bailiwick/tenant/operator"
	"github.com/bailiwick-dev/bailiwick/tenant/signup"
	"github.com/bailiwick-dev/bailiwick/tenant/worker"
)

// errOwnerURL is like errDatabaseURL.
var errOwnerURL = errors.New("DATABASE_OWNER_URL can't be read")

const (
	// ownerConns is how many connections the jobs share.
	ownerConns = 4
	// jobGrace is how long jobs may take to end what they are at.
	jobGrace = 5 * time.Second
	// domainsEvery is how often custom domains are looked for that are to be proven
	// anew.
	domainsEvery = time.Minute
	// purgeEvery is how often tenants are looked for whose grace is over.
	purgeEvery = time.Minute
)

// Owner is what works with the rights of the owner role, which no request has.
type Owner struct {
	// Catalog is the registry of tenants, with the hooks of Config.
	Catalog *catalog.Catalog
	// Pool is for rows of the schema bailiwick and of public. It may lead to a
	// pooler in transaction mode.
	Pool   *pgxpool.Pool
	Logger *slog.Logger
}

// openOwner opens what needs the owner role, where that is given.
func (s *Service) openOwner(ctx context.Context) error {
	url, runtime := s.settings.DatabaseOwnerURL, ""
	if s.local != nil {
		url, runtime = s.local.instance.OwnerURL(devpg.Database), devpg.RuntimeRole
	}
	if url == "" {
		return nil
	}
	if runtime == "" {
		config, err := pgx.ParseConfig(s.settings.DatabaseURL)
		if err != nil {
			return errDatabaseURL
		}
		runtime = config.User
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return errOwnerURL
	}
	config.MaxConns = ownerConns
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // A pooler may stand in between.
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to DATABASE_OWNER_URL: %w", err)
	}
	s.closers = append(s.closers, func() error { pool.Close(); return nil })
	cat, err := catalog.Open(ctx, catalog.Config{
		URL: url, RuntimeRole: runtime, Schema: s.cfg.Schema, Hooks: s.cfg.Hooks,
		Domains: s.settings.domainConfig(),
	})
	if err != nil {
		return fmt.Errorf("open the catalog: %w", err)
	}
	s.closers = append(s.closers, func() error { cat.Close(); return nil })
	s.owner = &Owner{Catalog: cat, Pool: pool, Logger: s.cfg.Logger}
	return s.openOperator()
}

// openOperator makes the operator API, where somebody may operate.
func (s *Service) openOperator() (err error) {
	if s.settings.OperatorKeys.Empty() {
		return nil
	}
	s.operator, err = operator.New(operator.Config{Catalog: s.owner.Catalog, Keys: s.settings.OperatorKeys, Logger: s.cfg.Logger})
	return err
}

// startWorker does what requests have written down, where the owner role is given.
func (s *Service) startWorker(ctx context.Context) error {
	if s.owner == nil {
		return nil
	}
	money, err := s.billingJobs(ctx)
	if err != nil {
		return err
	}
	jobs := []worker.Job{
		signup.Job(s.cfg.Logger, s.owner.Pool, s.owner.Catalog),
		signup.Cleaning(s.owner.Pool),
		{Name: "domains", Every: domainsEvery, Run: s.owner.Catalog.RecheckDomains},
	}
	if len(s.cfg.Hooks) > 0 {
		jobs = append(jobs, worker.Job{Name: "hooks", Run: s.owner.Catalog.Deliver})
	}
	jobs = append(jobs, money...)
	if s.settings.AutoPurge {
		jobs = append(jobs, purges(s.owner))
	}
	if s.cfg.Jobs != nil {
		jobs = append(jobs, s.cfg.Jobs(*s.owner)...)
	}
	s.worker = worker.Start(ctx, s.cfg.Logger, jobs...)
	s.closers = append(s.closers, func() error { s.stopWorker(); return nil })
	return nil
}

// stopWorker waits for the jobs to end, whoever else does.
func (s *Service) stopWorker() {
	if s.worker != nil {
		s.worker.Stop(jobGrace)
	}
}

// wake has the worker of this process look for work now. Those of others find it
// within a second.
func (s *Service) wake() {
	if s.worker != nil {
		s.worker.Wake()
	}
}

// purges delete tenants whose grace is over, one at a time. One that can't be
// purged keeps no other waiting.
func purges(o *Owner) worker.Job {
	return worker.Job{Name: "purges", Every: purgeEvery, Run: func(ctx context.Context) (int, error) {
		rows, err := o.Pool.Query(ctx, `
			SELECT l.tenant_id::text FROM bailiwick.tenants AS l JOIN public.tenants AS t ON t.id = l.tenant_id
			WHERE t.state = 'offboarding' AND l.purge_after <= pg_catalog.now() ORDER BY l.purge_after`)
		if err != nil {
			return 0, err
		}
		due, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return 0, err
		}
		return 0, purgeAll(catalog.WithActor(ctx, "worker:auto-purge"), o.Catalog, due)
	}}
}

// purgeAll purges what it can.
func purgeAll(ctx context.Context, c *catalog.Catalog, ids []string) error {
	var failed []error
	for _, text := range ids {
		id, err := tenant.ParseID(text)
		if err == nil {
			_, err = c.Purge(ctx, catalog.Ref{ID: id}, catalog.PurgeParams{})
		}
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}
