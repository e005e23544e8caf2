package catalog

import (
	"context"
	_ "embed"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

// ledgerSchema is where Bailiwick's own tables are.
const ledgerSchema = "bailiwick"

// ledger makes them, where they are not there yet. Some of its statements lock a
// table even so, which is why it is run only when something is missing.
//
//go:embed ledger.sql
var ledger string

// moveMeta brings what earlier versions noted in public.
const moveMeta = `DO $move$
BEGIN
	IF pg_catalog.to_regclass('public.bailiwick_meta') IS NOT NULL THEN
		INSERT INTO bailiwick.meta SELECT key, value, updated_at FROM public.bailiwick_meta ON CONFLICT DO NOTHING;
		DROP TABLE public.bailiwick_meta;
	END IF;
END
$move$`

// LedgerGrants are what the runtime role gets of Bailiwick's own schema, so that
// a service can register its release, find who a request is for and take in what
// others bring. By them the fingerprint knows the role too.
func LedgerGrants(runtime string) []string {
	role := tenant.QuoteIdent(runtime)
	return []string{
		"GRANT USAGE ON SCHEMA bailiwick TO " + role,
		"GRANT SELECT ON bailiwick.schemas TO " + role,
		"GRANT SELECT, INSERT, UPDATE ON bailiwick.releases TO " + role,
		"GRANT SELECT (id, state) ON bailiwick.rollouts TO " + role,
		"GRANT SELECT (tenant_id, not_before) ON bailiwick.tenants TO " + role,
		"GRANT SELECT ON bailiwick.domains, bailiwick.issuers TO " + role,
		"GRANT SELECT, INSERT, UPDATE ON bailiwick.signups TO " + role,
		"GRANT INSERT ON bailiwick.inbox TO " + role,
	}
}

// LedgerVersion names the version of Bailiwick's own tables and of the rights on
// them, for who keeps copies of databases that have them.
func LedgerVersion() string {
	return Version(strings.Join(append([]string{ledger}, LedgerGrants("runtime")...), ";\n"))
}

// HasLedger tells whether Bailiwick's own tables are there as this version makes
// them, with the rights of the runtime role that is kept. It is false where an
// earlier version has made them, where somebody has changed them since, and where
// there are none.
func (c *Catalog) HasLedger(ctx context.Context) (has bool, err error) {
	err = c.inTx(ctx, func(tx pgx.Tx) error {
		has, err = hasLedger(ctx, tx)
		return err
	})
	return has, wrap(err, "look at the ledger")
}

func hasLedger(ctx context.Context, tx pgx.Tx) (bool, error) {
	if there, err := hasTable(ctx, tx, "bailiwick.meta"); err != nil || !there {
		return false, err
	}
	var noted, granted, kept string
	for key, value := range map[string]*string{metaLedger: &noted, metaLedgerRole: &granted, metaRuntime: &kept} {
		var err error
		if *value, err = metaOf(ctx, tx, key); err != nil || *value == "" {
			return false, err
		}
	}
	is, err := ledgerNow(ctx, tx)
	return noted == is && granted == kept, err
}

// ledgerNow is what there is, as metaLedger has it.
func ledgerNow(ctx context.Context, tx pgx.Tx) (string, error) {
	state, err := fingerprint.OfTx(ctx, tx, ledgerSchema)
	return LedgerVersion() + " " + state.Fingerprint, err
}

func hasTable(ctx context.Context, tx pgx.Tx, name string) (there bool, err error) {
	err = tx.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", name).Scan(&there)
	return there, err
}

// InstallLedger makes Bailiwick's own tables where they are missing, as in a
// database that an earlier version has installed. It changes nothing else, and
// only reads where they are complete.
func (c *Catalog) InstallLedger(ctx context.Context) error {
	err := c.installing(ctx, func(tx pgx.Tx) error { return c.installLedger(ctx, tx) })
	return wrap(c.notOwner(ctx, err), "install the ledger")
}

// installLedger makes what is missing of Bailiwick's own schema. It fails for a
// runtime role that the database is not for.
func (c *Catalog) installLedger(ctx context.Context, tx pgx.Tx) error {
	has, err := hasLedger(ctx, tx)
	switch {
	case err != nil:
		return err
	case has:
		_, err = c.checkRuntime(ctx, tx)
	default:
		err = c.makeLedger(ctx, tx)
	}
	if err != nil {
		return err
	}
	return adoptTenants(ctx, tx)
}

func (c *Catalog) makeLedger(ctx context.Context, tx pgx.Tx) error {
	if err := script(ctx, tx, "ledger", "pg_catalog", ledger); err != nil {
		return err
	}
	if err := c.keepRuntime(ctx, tx); err != nil {
		return err
	}
	if err := execAll(ctx, tx, append(LedgerGrants(c.config.RuntimeRole), moveMeta)...); err != nil {
		return err
	}
	made, err := ledgerNow(ctx, tx)
	if err == nil {
		err = setMeta(ctx, tx, metaLedger, made)
	}
	if err == nil {
		err = setMeta(ctx, tx, metaLedgerRole, c.config.RuntimeRole)
	}
	return err
}
