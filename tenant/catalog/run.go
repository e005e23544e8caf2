package catalog

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

// markKey is the row of bailiwick.meta with the key of workMark. The runtime role
// can't read that table.
const markKey = "run_key"

// detailWork is the property of an entry's details that has the mark of the work.
const detailWork = "work"

// SameRun fails with CodeConflict when the run of ctx (see [WithRun]) has done
// anything but the work of an identity, see [ExecParams].
func (c *Catalog) SameRun(ctx context.Context, identity string) error {
	mark, err := c.workMark(ctx, identity)
	if err == nil {
		_, err = ranFor(ctx, c.pool, tenant.ID{}, mark)
	}
	return wrap(notInstalled(err), "look at what the run has done")
}

// workMark tells one work of a run from another in the audit. Identities hold
// arguments, which may be personal and easily guessed, such as an address: so the
// hash is keyed, by what is in the database and in no entry of the audit, and of no
// two runs alike. It is empty outside of a run.
func (c *Catalog) workMark(ctx context.Context, identity string) (string, error) {
	run := runOf(ctx)
	if run == "" {
		return "", nil
	}
	var key string
	_, err := c.pool.Exec(ctx, "INSERT INTO bailiwick.meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", markKey, rand.Text())
	if err == nil {
		err = c.pool.QueryRow(ctx, "SELECT value FROM bailiwick.meta WHERE key = $1", markKey).Scan(&key)
	}
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write([]byte(run + "\x00" + identity)) // It never fails.
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// marked adds a mark to details.
func marked(details any, mark string) (any, error) {
	if mark == "" {
		return details, nil
	}
	return detailed(details, detailWork, mark)
}

// detailed adds a property to details.
func detailed(details any, property, value string) (any, error) {
	all := map[string]any{}
	text, err := json.Marshal(details)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, failf(tenant.CodeInvalid, "details of %s: %w", ActionExec, err)
	}
	if all == nil { // the details were nil
		all = map[string]any{}
	}
	all[property] = value
	return all, nil
}

// ranBefore tells whether the run has done its work for the tenant, and keeps
// others of the run from doing it until the transaction ends.
func ranBefore(ctx context.Context, tx pgx.Tx, id tenant.ID, mark string) (before bool, err error) {
	run := runOf(ctx)
	if run == "" {
		return false, nil
	}
	_, err = tx.Exec(ctx, "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('bailiwick run ' || $1 || $2, 0))", run, id.String())
	if err != nil {
		return false, err
	}
	return ranFor(ctx, tx, id, mark)
}

// ranFor tells whether the run of ctx has done its work for a tenant. What it has
// done for that one, and for any one of all, must be of the mark. What has failed was
// not done.
func ranFor(ctx context.Context, q rowQuerier, id tenant.ID, mark string) (before bool, err error) {
	same, run := false, runOf(ctx)
	err = q.QueryRow(ctx, `
		SELECT coalesce(bool_or(tenant_id = $2::uuid), false), coalesce(bool_and(action = $3 AND coalesce(details ->> $4, '') = $5), true)
		FROM (
		    (SELECT tenant_id, action, details FROM bailiwick.audit WHERE run = $1 AND action <> $6 LIMIT 1)
		    UNION ALL
		    SELECT tenant_id, action, details FROM bailiwick.audit WHERE run = $1 AND tenant_id = $2::uuid AND action <> $6
		) AS entries`, run, id.String(), ActionExec, detailWork, mark, ActionFailedExec).Scan(&before, &same)
	if err == nil && !same {
		err = failf(tenant.CodeConflict, "run %s is of something else: of other work, or of the same with other arguments", run)
	}
	return before, err
}
