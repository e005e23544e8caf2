//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/bailiwick-dev/bailiwick/internal/maintenance"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
)

type execOptions struct {
	bulkFlags

	args    []string
	run     string
	timeout time.Duration
	maxRows int
	dryRun  bool
	list    bool
}

// execStates are the states that a query can be run in. Those who are offboarding
// are asked for by --state.
var execStates = []string{catalog.StateActive, catalog.StateSuspended, catalog.StateOffboarding}

const defaultMaxRows = 1000

func newTenantExecCommand() *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec NAME [SLUG]",
		Short: "Run a maintenance query for one tenant or for many",
		Long: `exec runs a query of the folder queries/maintenance for a tenant: as the tenant's
role, on its schema alone, in a transaction of its own with the entry in the audit.
The queries are linted as those of the service are, so that none can leave its
tenant, and are written like this:

  -- Removes sessions that ended long ago.
  -- name: DropOldSessions :exec
  DELETE FROM sessions WHERE ended_at < now() - @age::interval;

:exec says how many rows were changed, :many shows rows. @age is --arg age=90d.

--all is for all active and suspended tenants. Each run has an id: --run goes on
with one that was interrupted or failed for some, and does each tenant once,
whoever runs it how often; a run of another query, or of other arguments, is
refused. --dry-run does all of it, and undoes it: nothing stays but numbers of
sequences, and an entry in the audit, dry-exec, for it may have read. So may what
fails: it is there as failed-exec. Arguments are not written to the audit.

Exit status: 0 when it is done, 1 when it is not for one of them, 2 when the
command line is wrong.`,
		Example: `  bailiwick tenant exec --list
  bailiwick tenant exec DropOldSessions acme --arg age=90d --dry-run
  bailiwick tenant exec DropOldSessions --all --arg age=90d
  bailiwick tenant exec LargeReports --all --json | jq '.tenants[] | {tenant, affected}'`,
		Args:              o.check,
		ValidArgsFunction: completeExec,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.list {
				return listQueries(cmd, o.asJSON)
			}
			return execQuery(cmd, o, args)
		},
	}
	o.define(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.args, "arg", nil, "a parameter of the query, as name=value; may be repeated")
	f.StringVar(&o.run, "run", "", "go on with this run")
	f.DurationVar(&o.timeout, statementTimeout, 30*time.Second, "how long the query may take for one tenant")
	f.IntVar(&o.maxRows, "max-rows", defaultMaxRows, "fail where a tenant has more rows to show")
	f.BoolVar(&o.dryRun, "dry-run", false, "undo what was done for each tenant")
	f.BoolVar(&o.list, "list", false, "list the queries that there are")
	f.BoolVar(&o.asJSON, "json", false, "print what became of each tenant, with its rows, as a JSON object")
	for _, name := range []string{"arg", "run", statementTimeout, "max-rows"} {
		completeFlag(cmd, name, completeNone)
	}
	return cmd
}

func (o *execOptions) check(cmd *cobra.Command, args []string) error {
	switch {
	case o.list:
		return noArgs(cmd, args)
	case len(args) == 0:
		return usagef(cmd, "%s needs NAME; --list shows the queries that there are", cmd.CommandPath())
	case o.timeout < time.Millisecond:
		return usagef(cmd, "--statement-timeout is at least 1ms, and was %s", o.timeout)
	case o.maxRows < 1:
		return usagef(cmd, "--max-rows is at least 1, and was %d", o.maxRows)
	case o.dryRun && o.run != "":
		return usagef(cmd, "--dry-run and --run exclude each other")
	}
	return cmp.Or(o.bulkFlags.check(cmd, args[1:], nil), o.checkState(cmd, execStates))
}

// parseArgs reads name=value.
func parseArgs(cmd *cobra.Command, list []string) (map[string]string, error) {
	args := map[string]string{}
	for _, arg := range list {
		name, value, ok := strings.Cut(arg, "=")
		if _, twice := args[name]; !ok || name == "" || twice {
			return nil, usagef(cmd, "--arg is name=value, once for each name, and was %q", arg)
		}
		args[name] = value
	}
	return args, nil
}

// execution is a query on its way through the tenants.
type execution struct {
	query   maintenance.Query
	values  []string
	options execOptions

	mu      sync.Mutex
	results []tenantResult
}

// tenantResult is what a query came to for one tenant.
type tenantResult struct {
	Tenant   string            `json:"tenant"`
	Affected int64             `json:"affected"`
	Rows     []maintenance.Row `json:"rows,omitempty"`
}

func execQuery(cmd *cobra.Command, o execOptions, args []string) error {
	given, err := parseArgs(cmd, o.args)
	if err != nil {
		return err
	}
	p, err := loadProject(cmd)
	if err != nil {
		return err
	}
	queries, err := maintenance.Load(p)
	if err != nil {
		return err
	}
	x := &execution{options: o}
	if x.query, err = maintenance.Find(queries, args[0]); err != nil {
		return fmt.Errorf("%w\n\tmend: `bailiwick tenant exec --list` shows those that there are", err)
	}
	if x.values, err = x.query.Bind(given); err != nil {
		return usagef(cmd, "%v", err)
	}
	return operate(cmd, func(ctx context.Context, c *catalog.Catalog) error {
		targets, err := x.targets(ctx, cmd, c, args[1:])
		if err != nil {
			return err
		}
		if err := x.sameRun(ctx, c); err != nil {
			return err
		}
		b := bulk{action: catalog.ActionExec, run: cmp.Or(o.run, newRun()), parallel: o.parallel}
		b.next = "the same command again with --run " + b.run
		for _, t := range targets {
			b.tasks = append(b.tasks, bulkTask{who: t.who(), do: func(ctx context.Context) (bool, error) {
				if t.missing {
					return false, fmt.Errorf("there is no tenant %s", t.who())
				}
				return x.do(ctx, c, t)
			}})
		}
		return x.finish(cmd, b.execute(ctx, cmd))
	}, atOnce(o.parallel))
}

// targets are the tenant of the command line, or those of its flags.
func (x *execution) targets(ctx context.Context, cmd *cobra.Command, c *catalog.Catalog, args []string) ([]target, error) {
	if len(args) > 0 {
		r, err := c.Find(ctx, refOf(args[0], 0))
		return []target{{record: r}}, mendMissing(err)
	}
	from := execStates
	if x.options.state == "" {
		from = []string{catalog.StateActive, catalog.StateSuspended}
	}
	return x.options.targets(ctx, cmd, c, change{from: from})
}

// noted is what the audit has of a query. Arguments may be personal: the catalog
// keeps what tells them apart, and nothing else.
type noted struct {
	Query string `json:"query"`
	Rows  int64  `json:"rows"`
}

// identity is what a run is of.
func (x *execution) identity() string {
	return x.query.Name + "\x00" + strings.Join(x.values, "\x00") // of which PostgreSQL has none in a text
}

// sameRun refuses to go on with a run of another query, or of other arguments.
func (x *execution) sameRun(ctx context.Context, c *catalog.Catalog) error {
	if x.options.run == "" {
		return nil
	}
	err := c.SameRun(catalog.WithRun(ctx, x.options.run), x.identity())
	if tenant.CodeOf(err) == tenant.CodeConflict {
		return fmt.Errorf("%w\n\tmend: give the query and --arg as then, or leave --run out to begin anew", err)
	}
	return err
}

// do runs the query for one tenant.
func (x *execution) do(ctx context.Context, c *catalog.Catalog, t target) (bool, error) {
	var r maintenance.Result
	done, err := c.AsTenant(ctx, t.ref(), catalog.ExecParams{
		Timeout: x.options.timeout, DryRun: x.options.dryRun, Identity: x.identity(),
		Work: func(ctx context.Context, tx pgx.Tx) (any, error) {
			var err error
			r, err = x.query.Run(ctx, tx, x.values, x.options.maxRows)
			return noted{Query: x.query.Name, Rows: r.Affected}, err
		},
	})
	if tooMany, ok := errors.AsType[*maintenance.TooManyRowsError](err); ok {
		err = fmt.Errorf("%w; nothing was done\n\tmend: --max-rows takes more than %d", err, tooMany.Max)
	}
	if err == nil && done {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.results = append(x.results, tenantResult{Tenant: t.who(), Affected: r.Affected, Rows: r.Rows})
	}
	return done, err
}

// byTenant orders what came out by the tenants' names.
func (x *execution) byTenant() []tenantResult {
	slices.SortFunc(x.results, func(a, b tenantResult) int { return strings.Compare(a.Tenant, b.Tenant) })
	return slices.Concat([]tenantResult{}, x.results)
}
