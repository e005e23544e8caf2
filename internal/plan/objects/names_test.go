package objects_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

// everything is made of objects that all have names with an N in them. Labels and
// texts have an L.
const everything = `
CREATE TYPE "Nmood" AS ENUM ('Lsad', 'Lhappy');
CREATE DOMAIN "Npositive" AS integer CONSTRAINT "Npositive_check" CHECK (VALUE > 0);
CREATE TYPE "Naddress" AS ("Nstreet" text, "Nzip" "Nmood");
CREATE TYPE "Nspan" AS RANGE (subtype = float8);
CREATE SEQUENCE "Nsequence";
CREATE TABLE "Nusers" (
	"Nid" bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "Nown" START 5) CONSTRAINT "Nkey" PRIMARY KEY,
	"Nserial" integer DEFAULT nextval('"Nsequence"'),
	"Nmail" text DEFAULT 'L' NOT NULL CONSTRAINT "Nunique" UNIQUE CONSTRAINT "Ncheck" CHECK ("Nmail" <> 'L'),
	"Nfeeling" "Nmood" DEFAULT 'Lsad',
	"Nhome" "Naddress", "Npoints" "Npositive", "Nfrom" "Nspan",
	"Nupper" text GENERATED ALWAYS AS (upper("Nmail")) STORED
);
ALTER SEQUENCE "Nsequence" OWNED BY "Nusers"."Nserial";
CREATE TABLE "Norders" ("Nid" bigint, "Nuser" bigint, CONSTRAINT "Nforeign" FOREIGN KEY ("Nuser") REFERENCES "Nusers" ("Nid") NOT VALID);
CREATE TABLE "Nevents" ("Nat" date) PARTITION BY RANGE ("Nat");
CREATE TABLE "Nevents2" PARTITION OF "Nevents" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "Ncats" ("Nlives" integer) INHERITS ("Norders");
CREATE INDEX "Nindex" ON "Nusers" (lower("Nmail"), "Nfeeling") WHERE "Nmail" <> 'L';
CREATE INDEX "Npartitioned" ON "Nevents" ("Nat");
CREATE UNIQUE INDEX "Nidentity" ON "Nusers" ("Nmail");
ALTER TABLE "Nusers" REPLICA IDENTITY USING INDEX "Nidentity", CLUSTER ON "Nidentity";
CREATE VIEW "Nview" AS SELECT "Nid", "Nmail" FROM "Nusers" WHERE "Nmail" <> 'L';
ALTER VIEW "Nview" ALTER COLUMN "Nmail" SET DEFAULT 'L';
CREATE MATERIALIZED VIEW "Nmaterialized" AS SELECT "Nid" AS "N id" FROM "Nview";
CREATE INDEX "Nmindex" ON "Nmaterialized" ("N id");
CREATE FUNCTION "Nfunction"("Nargument" "Nmood") RETURNS "Nusers" LANGUAGE sql AS $x$SELECT * FROM "Nusers"$x$;
CREATE FUNCTION "Ntouch"() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE "Nprocedure"() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE "Naggregate"(integer) (sfunc = pg_catalog.int4pl, stype = integer, initcond = '1');
CREATE TRIGGER "Ntrigger" BEFORE UPDATE OF "Nmail" ON "Nusers" FOR EACH ROW WHEN (OLD."Nmail" <> 'L;') EXECUTE FUNCTION "Ntouch"('L');
ALTER TABLE "Nusers" DISABLE TRIGGER "Ntrigger", ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Npolicy" ON "Nusers" TO "$tenant" USING ("Nmail" <> 'L') WITH CHECK ("Nmail" <> 'L TO L');
CREATE RULE "Nrule" AS ON DELETE TO "Nview" DO INSTEAD NOTHING;
CREATE STATISTICS "Nstatistics" ON "Nmail", "Nfeeling" FROM "Nusers";
CREATE FUNCTION "Nequal"("Nmood", "Nmood") RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = "Nmood", RIGHTARG = "Nmood", FUNCTION = "Nequal", COMMUTATOR = ===);
CREATE COLLATION "Ncollation" (provider = icu, locale = 'de');
CREATE TEXT SEARCH CONFIGURATION "Nsearch" (COPY = pg_catalog.english);
COMMENT ON TABLE "Nusers" IS 'L';
COMMENT ON COLUMN "Nusers"."Nmail" IS 'L';
COMMENT ON CONSTRAINT "Ncheck" ON "Nusers" IS 'L';
COMMENT ON CONSTRAINT "Npositive_check" ON DOMAIN "Npositive" IS 'L';
COMMENT ON FUNCTION "Nfunction" IS 'L';
COMMENT ON TRIGGER "Ntrigger" ON "Nusers" IS 'L';
COMMENT ON TYPE "Nmood" IS 'L';
COMMENT ON SCHEMA "$schema" IS 'L';
COMMENT ON AGGREGATE "Naggregate"(integer) IS 'L';
GRANT SELECT, INSERT ("Nmail") ON "Nusers" TO "$tenant";
GRANT USAGE ON SEQUENCE "Nsequence" TO "$tenant" WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "$schema" TO "$tenant";
REVOKE EXECUTE ON FUNCTION "Nfunction" FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA "$schema" GRANT SELECT ON TABLES TO "$tenant";
`

// named puts a name and a text into everything.
func named(name, text string) string {
	name, text = strings.ReplaceAll(name, `"`, `""`), strings.ReplaceAll(text, "'", "''")
	var b strings.Builder
	for i, c := range everything {
		switch {
		case c == 'N' && i > 1 && everything[i-2:i] == `'"`: // in a string
			b.WriteString(strings.ReplaceAll(name, "'", "''"))
		case c == 'N' && i > 0 && everything[i-1] == '"':
			b.WriteString(name)
		case c == 'L' && i > 0 && everything[i-1] == '\'':
			b.WriteString(text)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// clonable clones a world whose names are odd, and empties both ways.
func clonable(t *testing.T, conn *pgx.Conn, name, text string) {
	t.Helper()
	w := enter(t, conn)
	defer func() { w.leave() }()
	nothing := w.objects()
	if err := w.run(named(name, text)); err != nil {
		t.Fatalf("%q %q: %v", name, text, err)
	}
	want := w.objects()
	if a := w.reach(want, nothing); a.outcome() != "planned" {
		t.Errorf("%q %q: dropping is %s: %q %q", name, text, a.outcome(), a.refused, a.stuck)
	}
	w.leave()
	w = enter(t, conn)
	if a := w.reach(nothing, want); a.outcome() != "planned" {
		t.Errorf("%q %q: making is %s: %q %q", name, text, a.outcome(), a.refused, a.stuck)
	}
}

// oddNames would each be something else without their quotes.
var oddNames = []string{
	"plain_", `we"ird Name `, "select ", "a.b", "a(b", "a)b", "a'b", "x;y", "a, b", "a:b: ", "[", "tür", " ON ", " AS ", " WITH (", "-- ", "/*", "$$", "\\", " TO ", " for ",
}

func TestOddNames(t *testing.T) {
	t.Parallel()
	conn := connect(t, tenanttest.Database(t).OwnerURL)
	for _, name := range oddNames {
		clonable(t, conn, name, name)
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range oddNames {
		f.Add(name, name)
	}
	urls := tenanttest.Database(f)
	f.Fuzz(func(t *testing.T, name, text string) {
		if len(name) > 40 || !utf8.ValidString(name+text) || strings.ContainsAny(name+text, "\x00\r\n") || strings.Contains(name+text, tenant.QuoteIdent("$")) {
			return // no PostgreSQL name or text
		}
		clonable(t, connect(t, urls.OwnerURL), name, text)
	})
}
