package doctor_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/doctor"
)

// fault is something that is broken, and what the doctor has to say of it.
type fault struct {
	sql    string // as a superuser
	check  string
	status doctor.Status
	text   string // in the message
	// byHand is for mends that are not SQL to paste: this is run instead.
	byHand string
}

// TestHealthy finds nothing in a database that is made by the book.
func TestHealthy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	report := w.run()
	if found := bad(report); len(found) > 0 || len(report) < 20 {
		var b bytes.Buffer
		_ = report.Write(&b)
		t.Errorf("%s", b.String())
	}
	w.options.OwnerURL = ""
	for _, f := range bad(w.run()) {
		if f.Status != doctor.Skip {
			t.Errorf("by the runtime role alone: %+v", f)
		}
	}
	w.options.OwnerURL, w.options.URL = as(t, w.options.URL, w.owner, "owner"), ""
	for _, f := range bad(w.run()) {
		if f.Status != doctor.Skip {
			t.Errorf("by the owner role alone: %+v", f)
		}
	}
}

// TestFaults breaks one thing after another, several in one database where they
// don't hide each other, then does what the doctor says, and is well again.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]fault{
		"runtime role": {
			{"GRANT ACME TO APP_ROLE WITH ADMIN OPTION", "runtime-member", doctor.Fail, "may make others members", ""},
			{"ALTER ROLE APP_ROLE INHERIT", "runtime-role", doctor.Fail, "is INHERIT", ""},
			{"ALTER ROLE APP_ROLE CREATEROLE", "runtime-role", doctor.Fail, "is CREATEROLE", ""},
			{"ALTER ROLE APP_ROLE BYPASSRLS", "runtime-role", doctor.Fail, "is BYPASSRLS", ""},
			{"ALTER ROLE APP_ROLE REPLICATION", "runtime-role", doctor.Fail, "is REPLICATION", ""},
			{"ALTER ROLE APP_ROLE CREATEDB", "runtime-role", doctor.Warn, "is CREATEDB", ""},
			{"GRANT CREATE ON DATABASE THIS_DB TO APP_ROLE", "runtime-database", doctor.Fail, "make schemas", ""},
			{"GRANT TEMPORARY ON DATABASE THIS_DB TO PUBLIC", "runtime-database", doctor.Fail, "make temporary tables", ""},
			{"GRANT pg_read_all_data TO APP_ROLE", "runtime-member", doctor.Fail, "member of pg_read_all_data", ""},
		},
		"superuser": {
			{"ALTER ROLE APP_ROLE SUPERUSER", "runtime-role", doctor.Fail, "is SUPERUSER", ""},
		},
		"owner role": {
			{"ALTER ROLE OWNER_ROLE NOCREATEROLE", "owner-role", doctor.Fail, "may not make roles", ""},
			{"ALTER ROLE OWNER_ROLE NOCREATEDB", "owner-role", doctor.Warn, "may make no databases", ""},
			{"ALTER DATABASE THIS_DB OWNER TO postgres", "owner-role", doctor.Fail, "does not own database", ""},
			{"ALTER ROLE OWNER_ROLE RESET lock_timeout", "settings", doctor.Warn, "lock_timeout is 0", ""},
			{"ALTER ROLE OWNER_ROLE SET statement_timeout = '1s'", "settings", doctor.Warn, "statement_timeout is 1s", ""},
		},
		"public": {
			{"GRANT CREATE ON SCHEMA public TO PUBLIC", "public-schema", doctor.Fail, "may make objects in public", ""},
			{"GRANT SELECT (name) ON public.tenants TO PUBLIC", "public-schema", doctor.Fail, "every tenant may read public.tenants", ""},
			{"GRANT USAGE ON SCHEMA bailiwick TO PUBLIC", "public-schema", doctor.Fail, "every tenant may use schema bailiwick", ""},
			{"GRANT UPDATE (state) ON public.tenants TO PUBLIC", "public-schema", doctor.Fail, "every tenant may change public.tenants", ""},
			{"CREATE TABLE public.prices (n int); GRANT SELECT, UPDATE ON public.prices TO PUBLIC", "public-schema", doctor.Fail, "every tenant may change public.prices", ""},
			{"REVOKE USAGE ON SCHEMA public FROM PUBLIC, APP_ROLE", "runtime-database", doctor.Fail, "not even look into public", ""},
			{"GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC", "hardened", doctor.Warn, "could change its tenant",
				"REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC"},
		},
		"hardened for others": {
			{"REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM APP_ROLE", "hardened", doctor.Fail, "not bind a query", ""},
			{"REVOKE EXECUTE ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) FROM OWNER_ROLE", "hardened", doctor.Fail, "not make tenants", ""},
		},
		"settings": {
			{"ALTER ROLE APP_ROLE SET jit = on", "settings", doctor.Warn, "jit is on", ""},
			{"ALTER ROLE APP_ROLE SET row_security = off", "settings", doctor.Fail, "row_security is off", ""},
			{"ALTER ROLE APP_ROLE SET idle_in_transaction_session_timeout = 0", "settings", doctor.Warn, "idle_in_transaction_session_timeout is 0", ""},
			{"ALTER ROLE APP_ROLE SET session_replication_role = replica", "settings", doctor.Fail, "session_replication_role is replica", ""},
			{"ALTER ROLE APP_ROLE SET default_transaction_read_only = on", "writable", doctor.Fail, "services cannot write", "ALTER ROLE APP_ROLE RESET default_transaction_read_only"},
			{"ALTER ROLE OWNER_ROLE SET password_encryption = md5", "settings", doctor.Warn, "password_encryption is md5", "ALTER ROLE OWNER_ROLE RESET password_encryption"},
			{"ALTER ROLE APP_ROLE CONNECTION LIMIT 10", "connections", doctor.Warn, "one instance of 9 fills", "ALTER ROLE APP_ROLE CONNECTION LIMIT -1"},
		},
		"tenants": {
			{"REVOKE ACME FROM APP_ROLE GRANTED BY OWNER_ROLE", "membership", doctor.Fail, "no member of: acme", ""},
			{"ALTER ROLE GLOBEX LOGIN", "tenant-role", doctor.Fail, "may do more than own nothing: globex", ""},
			{"REVOKE DELETE ON GLOBEX.items FROM GLOBEX", "grants", doctor.Fail, "may not use all of their tables: globex", ""},
			{"GRANT SELECT (name) ON GLOBEX.items TO PUBLIC", "foreign-rights", doctor.Fail, "others have rights on: globex", ""},
			{"CREATE SCHEMA t_00000000000000000000000000000001", "orphans", doctor.Warn, "schemas that no tenant has: t_0000", "DROP SCHEMA t_00000000000000000000000000000001"},
			{"UPDATE public.tenants SET schema_fingerprint = 'old' WHERE slug = 'acme'", "version", doctor.Warn, "1 of 2 tenants are not at the state", "UPDATE public.tenants SET schema_fingerprint = (SELECT max(schema_fingerprint) FROM public.tenants WHERE slug = 'globex')"},
		},
		"owner": {
			{"ALTER TABLE ACME.items OWNER TO postgres", "owner", doctor.Fail, "belongs to another role than", "ALTER TABLE ACME.items OWNER TO OWNER_ROLE"},
		},
		"rights": {
			{"GRANT EXECUTE ON FUNCTION ACME.item_count() TO PUBLIC", "foreign-rights", doctor.Fail, "others have rights on: acme", ""},
			{"REVOKE USAGE ON SCHEMA ACME FROM ACME", "grants", doctor.Fail, "may not use all of their tables: acme", ""},
			{"GRANT pg_monitor TO ACME", "tenant-role", doctor.Fail, "members of another role: acme", "REVOKE pg_monitor FROM ACME"},
			{"GRANT GLOBEX TO pg_monitor", "membership", doctor.Warn, "others may take on too: globex", "REVOKE GLOBEX FROM pg_monitor"},
			{"UPDATE public.tenants SET state = 'provisioning' WHERE slug = 'acme'", "half-made", doctor.Warn, "acme (provisioning)", "UPDATE public.tenants SET state = 'active'"},
			{"INSERT INTO public.tenants (id, slug, name, schema_fingerprint) SELECT '00000000-0000-0000-0000-000000000002', 'hooli', 'Hooli', schema_fingerprint FROM public.tenants LIMIT 1",
				"half-made", doctor.Fail, "registered, but without a schema: hooli", "DELETE FROM public.tenants WHERE slug = 'hooli'"},
		},
		"ledger": {
			{"GRANT SELECT (value) ON bailiwick.meta TO PUBLIC", "ledger-rights", doctor.Fail, "every tenant has rights on bailiwick.meta", ""},
			{"REVOKE INSERT ON bailiwick.releases FROM APP_ROLE", "ledger-rights", doctor.Fail, "can't register their release", ""},
		},
		"unreadable ledger": {
			{"ALTER SCHEMA bailiwick OWNER TO postgres; ALTER TABLE bailiwick.rollouts OWNER TO postgres", "ledger", doctor.Fail, "may not read meta, releases", ""},
		},
		"abandoned rollout": {
			{rollout("running", "holder = 'process 1', holder_until = now() - interval '1 minute'"), "rollout", doctor.Warn, "nobody works any more on rollout 1 (apply), 1 of 2 schemas to go, 0 failed", finished},
		},
		"paused rollout": {
			{rollout("paused", "holder = NULL"), "rollout", doctor.Warn, "paused: rollout 1 (apply), 1 of 2", finished},
		},
		"failed rollout": {
			{rollout("failed", "error = 'too many failures'"), "rollout", doctor.Fail, "stopped: rollout 1 (apply), 0 of 2 schemas to go, 1 failed: too many failures", finished},
			{"UPDATE bailiwick.rollout_targets SET state = 'failed', sqlstate = '23502', error = E'column \"x\"\\nhas nulls' WHERE slug = 'globex'",
				"failures", doctor.Fail, "failed for globex; the first: column \"x\" has nulls 23502", finished},
		},
		"misfit": {
			{"INSERT INTO bailiwick.releases SELECT 'r1', 'notes', 'v2', '[]', jsonb_build_object(schema_fingerprint, 'GetNote: column body does not exist'), now(), now() + interval '1 hour' FROM public.tenants WHERE slug = 'acme'",
				"releases", doctor.Fail, "notes v2 answers 503 for acme, globex: GetNote", "UPDATE bailiwick.releases SET expires_at = now()"},
		},
		"invalid index": {
			{"CREATE INDEX items_name ON GLOBEX.items (name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'GLOBEX.items_name'::regclass",
				"invalid-indexes", doctor.Warn, "serve no query: 1, of globex", ""},
		},
		"left-over index": {
			{"CREATE INDEX items_name_ccnew ON ACME.items (name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ACME.items_name_ccnew'::regclass",
				"invalid-indexes", doctor.Warn, "serve no query: 1, of acme", ""},
		},
		"registry": {
			{"DROP TABLE public.tenants", "registry", doctor.Fail, "there is no registry", "ROLLBACK"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newWorld(t).breakAndMend(faults)
		})
	}
}

// rollout is the SQL of a rollout that has one of two schemas to go.
func rollout(state, set string) string {
	return `INSERT INTO bailiwick.rollouts (state, versions, plans, options) VALUES ('` + state + `', '{}', '{}', '{}');
		UPDATE bailiwick.rollouts SET ` + set + `;
		INSERT INTO bailiwick.rollout_targets (rollout_id, schema, slug, ring, wave, from_fp, to_fp, state)
		VALUES (1, 'ACME', 'acme', 'default', 1, 'f1-a', 'f1-b', 'done'), (1, 'GLOBEX', 'globex', 'default', 1, 'f1-a', 'f1-b', 'pending')`
}

// finished is what bailiwick schema resume leaves of it.
const finished = "UPDATE bailiwick.rollout_targets SET state = 'done'; UPDATE bailiwick.rollouts SET state = 'done', holder = NULL, error = NULL"

// TestLedgerIsCompleted breaks the ledger and does what the doctor says.
func TestLedgerIsCompleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec("DROP TABLE bailiwick.releases")
	found := find(w.run(), fault{check: "ledger", status: doctor.Fail, text: "lacks releases"})
	if found == nil || !strings.HasPrefix(found.Mend, "bailiwick tenant create") {
		t.Fatalf("%+v", found)
	}
	w.install().Close()
	if left := bad(w.run()); len(left) > 0 {
		t.Errorf("%+v", left)
	}
}

// TestRunning finds nothing wrong with a rollout that somebody works on.
func TestRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(w.expand(rollout("running", "holder = 'process 1 on ann', holder_until = now() + interval '1 minute'")))
	report := w.run()
	want := fault{check: "rollout", status: doctor.OK, text: "process 1 on ann works on rollout 1"}
	if found := bad(report); len(found) > 0 || find(report, want) == nil {
		t.Errorf("%+v", report)
	}
}

func (w *world) breakAndMend(faults []fault) {
	w.Helper()
	for _, f := range faults {
		w.exec(w.expand(f.sql))
	}
	report := w.run()
	var mends []string
	for _, f := range faults {
		found := find(report, f)
		if found == nil {
			w.Errorf("after %s: no finding %s %s %q in\n%+v", f.sql, f.check, f.status, f.text, bad(report))
			continue
		}
		if found.Mend == "" {
			w.Errorf("no mend: %+v", found)
		}
		mends = append(mends, mendOf(f, found))
	}
	if w.Failed() || faults[0].check == "registry" {
		return
	}
	for _, mend := range mends {
		w.exec(w.expand(mend))
	}
	if left := bad(w.run()); len(left) > 0 {
		w.Errorf("after %s\nthere is left: %+v", strings.Join(mends, "\n"), left)
	}
}

func mendOf(f fault, found *doctor.Finding) string {
	if f.byHand != "" {
		return f.byHand
	}
	sql, _, _ := strings.Cut(found.Mend, " (or FROM")
	return sql
}

func find(report doctor.Report, f fault) *doctor.Finding {
	for i, found := range report {
		if found.Check == f.check && found.Status == f.status && strings.Contains(found.Message, f.text) {
			return &report[i]
		}
	}
	return nil
}

// TestUnreachable says which of the two connection strings is wrong.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	report := doctor.Run(t.Context(), doctor.Options{URL: "postgres://app:secret@127.0.0.1:1/none", OwnerURL: "nonsense\x00"})
	if len(report) != 2 || report[0].Status != doctor.Fail || report[1].Status != doctor.Fail ||
		!strings.Contains(report[0].Message, "DATABASE_URL does not lead") || !strings.Contains(report[1].Mend, "DATABASE_OWNER_URL") {
		t.Errorf("%+v", report)
	}
	if strings.Contains(report[0].Message, "secret") {
		t.Error("the password is shown")
	}
	if strings.Count(report[0].Message, "connection refused") != 1 {
		t.Errorf("the cause does not stand there once: %s", report[0].Message)
	}
	report = doctor.Run(t.Context(), doctor.Options{URL: "nonsense\x00", Flags: true})
	if !strings.Contains(report[0].Message, "--url does not lead") || !strings.Contains(report[0].Mend, "correct --url") {
		t.Errorf("%+v", report)
	}
}

// TestOneRole gives one role for both: no advice for one of them may spoil the
// other, so all that is said is which connection string to correct.
func TestOneRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runtime, owner := w.options.URL, w.options.OwnerURL
	for _, c := range []struct{ url, ownerURL, mend string }{
		{owner, owner, "give DATABASE_URL the connection string of the runtime role"},
		{owner, "", "give DATABASE_URL the connection string of the runtime role"},
		{runtime, runtime, "give DATABASE_OWNER_URL the connection string of the owner role, " + w.owner},
	} {
		w.options.URL, w.options.OwnerURL = c.url, c.ownerURL
		var mends []string
		for _, f := range bad(w.run()) {
			if f.Status != doctor.Skip {
				mends = append(mends, f.Mend)
			}
		}
		if len(mends) != 1 || mends[0] != c.mend {
			t.Errorf("got the mends %q, want %q", mends, c.mend)
		}
	}
}
