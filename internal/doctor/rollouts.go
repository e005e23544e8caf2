package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

var rolloutChecks = []databaseCheck{
	{"ledger", checkLedger},
	{"ledger-rights", checkLedgerRights},
	{"rollout", checkRollout},
	{"failures", checkFailures},
	{"releases", checkReleases},
	{"invalid-indexes", checkInvalidIndexes},
}

// ledgerTables are those of the schema bailiwick.
var ledgerTables = []string{"meta", "schemas", "rollouts", "rollout_targets", "releases"}

const (
	mendStatus = "bailiwick schema status shows where it stands"
	noLedger   = "there is no ledger to look into"
)

// checkLedger finds out whether the other checks of the area have what to read.
func checkLedger(ctx context.Context, d *database) ([]outcome, error) {
	const mend = "bailiwick tenant create SLUG, which installs what is missing"
	missing, err := stringsOf(ctx, d.tx, `
		SELECT name FROM unnest($1::text[]) AS name
		WHERE NOT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'bailiwick' AND c.relname = name)
		ORDER BY 1`, ledgerTables)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return failf(mend, "the ledger of rollouts, schema bailiwick, lacks %s", strings.Join(missing, ", ")), nil
	}
	unreadable, err := stringsOf(ctx, d.tx, `
		SELECT c.relname::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = 'bailiwick' AND c.relname = ANY ($1::text[])
		  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
		ORDER BY 1`, ledgerTables)
	if err != nil {
		return nil, err
	}
	if len(unreadable) > 0 && d.owner == nil {
		return skipf("only the owner role may read all of the ledger"), nil
	}
	if len(unreadable) > 0 {
		owner := tenant.QuoteIdent(d.ownerRole)
		return failf("ALTER SCHEMA bailiwick OWNER TO "+owner+"; ALTER TABLE bailiwick."+strings.Join(unreadable, " OWNER TO "+owner+"; ALTER TABLE bailiwick.")+" OWNER TO "+owner,
			"the owner role may not read %s of the ledger", strings.Join(unreadable, ", ")), nil
	}
	d.ledger = true
	return okf("the ledger of rollouts is there"), nil
}

// checkLedgerRights: a service registers its release, and nobody but the owner
// does anything else.
func checkLedgerRights(ctx context.Context, d *database) ([]outcome, error) {
	if !d.ledger {
		return skipf(noLedger), nil
	}
	public, err := stringsOf(ctx, d.tx, `
		SELECT name FROM unnest($1::text[]) AS name
		WHERE has_table_privilege('public', format('bailiwick.%I', name), 'SELECT, INSERT, UPDATE, DELETE')
		   OR has_any_column_privilege('public', format('bailiwick.%I', name), 'SELECT, INSERT, UPDATE') ORDER BY 1`, ledgerTables)
	if err != nil {
		return nil, err
	}
	var problems []outcome
	if len(public) > 0 {
		problems = failf("REVOKE ALL ON ALL TABLES IN SCHEMA bailiwick FROM PUBLIC", "every tenant has rights on bailiwick.%s", strings.Join(public, ", bailiwick."))
	}
	if d.runtimeRole == "" {
		return orOK(problems, "tenants may read nothing of the ledger"), nil
	}
	var may bool
	err = d.tx.QueryRow(ctx, `
		SELECT has_schema_privilege($1, 'bailiwick', 'USAGE') AND has_table_privilege($1, 'bailiwick.schemas', 'SELECT')
		   AND has_table_privilege($1, 'bailiwick.releases', 'SELECT') AND has_table_privilege($1, 'bailiwick.releases', 'INSERT')
		   AND has_table_privilege($1, 'bailiwick.releases', 'UPDATE')`, d.runtimeRole).Scan(&may)
	if err != nil {
		return nil, err
	}
	if !may {
		role := tenant.QuoteIdent(d.runtimeRole)
		problems = append(problems, failf("GRANT USAGE ON SCHEMA bailiwick TO "+role+"; GRANT SELECT ON bailiwick.schemas TO "+role+"; GRANT SELECT, INSERT, UPDATE ON bailiwick.releases TO "+role,
			"services can't register their release as %s, so no rollout asks what it would break", d.runtimeRole)...)
	}
	return orOK(problems, "services may register their release, and tenants read nothing of the ledger"), nil
}

// unfinished is the rollout that is not done; there is at most one.
type unfinished struct {
	id                     int64
	kind, state, holder    string
	held                   bool
	reason                 string
	total, pending, failed int
}

func findUnfinished(ctx context.Context, d *database) (*unfinished, error) {
	u := &unfinished{}
	err := d.tx.QueryRow(ctx, `
		SELECT r.id, r.kind, r.state, coalesce(r.holder, ''), coalesce(r.holder_until > now(), false), coalesce(r.error, ''),
		       count(t.schema), count(t.schema) FILTER (WHERE t.state = 'pending'), count(t.schema) FILTER (WHERE t.state = 'failed')
		FROM bailiwick.rollouts AS r LEFT JOIN bailiwick.rollout_targets AS t ON t.rollout_id = r.id
		WHERE r.state IN ('running', 'paused', 'failed') GROUP BY r.id`).
		Scan(&u.id, &u.kind, &u.state, &u.holder, &u.held, &u.reason, &u.total, &u.pending, &u.failed)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // None is an answer.
	}
	return u, err
}

// checkRollout: a rollout ends, and while it does not somebody works on it.
func checkRollout(ctx context.Context, d *database) ([]outcome, error) {
	if !d.ledger {
		return skipf(noLedger), nil
	}
	u, err := findUnfinished(ctx, d)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return okf("no rollout is unfinished"), nil
	}
	where := fmt.Sprintf("%d (%s), %d of %d schemas to go, %d failed", u.id, u.kind, u.pending, u.total, u.failed)
	switch {
	case u.state == "running" && u.held:
		return okf("%s works on rollout %s", u.holder, where), nil
	case u.state == "running":
		return warnf("bailiwick schema resume", "nobody works any more on rollout %s", where), nil
	case u.state == "paused":
		return warnf("bailiwick schema resume (or bailiwick schema rollback)", "paused: rollout %s", where), nil
	}
	return failf("bailiwick schema resume (or bailiwick schema rollback); "+mendStatus, "stopped: rollout %s: %s", where, oneLineText(u.reason)), nil
}

// checkFailures names the tenants that the last rollout left where they were.
func checkFailures(ctx context.Context, d *database) ([]outcome, error) {
	if !d.ledger {
		return skipf(noLedger), nil
	}
	rows, err := d.tx.Query(ctx, `
		SELECT slug, coalesce(sqlstate, ''), coalesce(error, '') FROM bailiwick.rollout_targets
		WHERE state = 'failed' AND rollout_id = (SELECT max(id) FROM bailiwick.rollouts) ORDER BY slug`)
	if err != nil {
		return nil, err
	}
	failures, err := pgx.CollectRows(rows, pgx.RowToStructByPos[failure])
	if err != nil || len(failures) == 0 {
		return okf("the last rollout left nobody behind"), err
	}
	slugs := make([]string, len(failures))
	for i, f := range failures {
		slugs[i] = f.Slug
	}
	first := strings.TrimSpace(oneLineText(failures[0].Message) + " " + failures[0].State)
	return failf("mend the cause, and then: bailiwick schema resume; "+mendStatus, "the last rollout failed for %s; the first: %s", sample(slugs), first), nil
}

type failure struct{ Slug, State, Message string }

// checkReleases: what a live release can't run is answered 503.
func checkReleases(ctx context.Context, d *database) ([]outcome, error) {
	if !d.ledger || d.slugs == nil {
		return skipf(noLedger), nil
	}
	var live int
	if err := d.tx.QueryRow(ctx, "SELECT count(*) FROM bailiwick.releases WHERE expires_at > now()").Scan(&live); err != nil {
		return nil, err
	}
	rows, err := d.tx.Query(ctx, `
		SELECT r.name, r.version, m.value #>> '{}', array_agg(t.slug::text ORDER BY t.slug)
		FROM bailiwick.releases AS r, jsonb_each(r.misfits) AS m, public.tenants AS t
		WHERE r.expires_at > now() AND t.schema_fingerprint = m.key AND t.state::text = 'active'
		GROUP BY r.id, r.name, r.version, m.key, m.value ORDER BY r.name, r.version, m.key`)
	if err != nil {
		return nil, err
	}
	misfits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[misfit])
	if err != nil {
		return nil, err
	}
	var problems []outcome
	for _, m := range misfits {
		problems = append(problems, failf("bailiwick schema apply brings them to the schema that the release was made for; otherwise deploy the release that fits",
			"%s %s answers 503 for %s: %s", m.Name, m.Version, sample(m.Slugs), oneLineText(m.Reason))...)
	}
	return orOK(problems, "%d live releases, and each can run all of its statements for all tenants", live), nil
}

type misfit struct {
	Name, Version, Reason string
	Slugs                 []string
}

// checkInvalidIndexes: an index whose making was cut short costs every write and
// serves no read.
func checkInvalidIndexes(ctx context.Context, d *database) ([]outcome, error) {
	rows, err := d.tx.Query(ctx, `
		SELECT n.nspname::text, format('%I.%I', n.nspname, c.relname), c.relname ~ '_cc(new|old)[0-9]*$'
		FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname = ANY ($1::text[] || 'public'::text) ORDER BY 2`, d.schemas())
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[invalidIndex])
	if err != nil || len(found) == 0 {
		return okf("every index is valid"), err
	}
	var slugs, mends []string
	for _, i := range found {
		slugs = append(slugs, d.slug(i.Schema))
		if mend := "REINDEX INDEX CONCURRENTLY " + i.Name; !i.LeftOver {
			mends = append(mends, mend)
		} else {
			mends = append(mends, "DROP INDEX CONCURRENTLY "+i.Name)
		}
	}
	return warnf(strings.Join(mends, "\n"), "indexes that were not finished and serve no query: %d, of %s", len(found), sample(slices.Compact(slugs))), nil
}

// invalidIndex is LeftOver when REINDEX CONCURRENTLY made it beside the real one.
type invalidIndex struct {
	Schema, Name string
	LeftOver     bool
}
