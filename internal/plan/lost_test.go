package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

const (
	partitioned  = "CREATE TABLE events (id int, what text) PARTITION BY RANGE (id); "
	partition    = "CREATE TABLE old PARTITION OF events FOR VALUES FROM (0) TO (10); "
	aloneTable   = "CREATE TABLE old (id int, what text); "
	allPartition = partitioned + partition
)

// lossCases are ways on which data may be lost. shown is asked before, behind the
// way, and behind the way back: what is not there any more has to be in destroys,
// what has not come back in losses.
var lossCases = map[string]struct {
	from, data, to, shown string
	want                  [3]string
	destroys, losses      []string
	irreversible          bool
}{
	"partition detached": {
		from: allPartition, data: "INSERT INTO events VALUES (1, 'x')", to: partitioned + aloneTable,
		shown: "SELECT count(*) FROM old", want: [3]string{"1", "1", "1"},
	},
	"partition detached and changed": {
		from: allPartition, data: "INSERT INTO events VALUES (1, 'x')", to: partitioned + "CREATE TABLE old (id int, what text, who text);",
		shown: "SELECT count(*) FROM old", want: [3]string{"1", "1", "1"}, losses: []string{"column old.who and its values"},
	},
	"table attached": {
		from: partitioned + aloneTable, data: "INSERT INTO old VALUES (1, 'x')", to: allPartition,
		shown: "SELECT count(*) FROM old", want: [3]string{"1", "1", "1"},
	},
	"table attached to a new one": {
		from: aloneTable, data: "INSERT INTO old VALUES (1, 'x')", to: allPartition,
		shown: "SELECT count(*) FROM old", want: [3]string{"1", "1", "1"}, losses: []string{"table events and its rows"},
	},
	"partition stays without its parent": {
		from: allPartition, data: "INSERT INTO events VALUES (1, 'x')", to: aloneTable,
		shown: "SELECT count(*) FROM old", want: [3]string{"1", "1", "1"},
		destroys: []string{"table events is dropped with its rows"}, losses: []string{"the rows of table events, which comes back empty"},
	},
	"partition of a partition stays alone": {
		from: partitioned + "CREATE TABLE part PARTITION OF events FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id); CREATE TABLE old PARTITION OF part FOR VALUES FROM (0) TO (10);",
		data: "INSERT INTO events VALUES (1, 'x')", to: aloneTable,
		shown: "SELECT count(*) FROM old", want: [3]string{"1", "1", "1"},
		destroys: []string{"table events is dropped with its rows", "table part is dropped with its rows"},
		losses:   []string{"the rows of table events, which comes back empty", "the rows of table part, which comes back empty"},
	},
	"partitions go with their parent": {
		from: allPartition + "CREATE TABLE t (id int);", data: "INSERT INTO events VALUES (1, 'x')", to: "CREATE TABLE t (id int);",
		shown: "SELECT to_regclass('old') IS NULL", want: [3]string{"f", "t", "f"},
		destroys: []string{"table events is dropped with its rows", "table old is dropped with its rows"},
		losses:   []string{"the rows of table events, which comes back empty", "the rows of table old, which comes back empty"},
	},
	"inherited column becomes the child's own": {
		from: "CREATE TABLE p (id int, v text); CREATE TABLE c (w text) INHERITS (p);", data: "INSERT INTO c VALUES (1, 'v', 'w')",
		to:    "CREATE TABLE p (id int); CREATE TABLE c (w text, v text) INHERITS (p);",
		shown: "SELECT v FROM c", want: [3]string{"v", "", ""}, irreversible: true,
		destroys: []string{"column p.v is dropped with its values", "column c.v is dropped with what it holds, and made anew"},
	},
	"attribute goes": {
		from: "CREATE TYPE addr AS (street text, zip text); CREATE DOMAIN home AS addr; CREATE TABLE u (a home[]);", data: "INSERT INTO u VALUES (ARRAY[ROW('s', 'z')::addr])",
		to:    "CREATE TYPE addr AS (street text); CREATE DOMAIN home AS addr; CREATE TABLE u (a home[]);",
		shown: "SELECT a[1]::text FROM u", want: [3]string{"(s,z)", "(s)", "(s,)"},
		destroys: []string{"attribute addr.zip is dropped with its values"}, losses: []string{"the values of attribute addr.zip, which comes back empty"},
	},
	"attribute comes": {
		from: "CREATE TYPE addr AS (street text); CREATE TABLE u (a addr);", data: "INSERT INTO u VALUES (ROW('s'))",
		to:    "CREATE TYPE addr AS (street text, zip text); CREATE TABLE u (a addr);",
		shown: "SELECT a::text FROM u", want: [3]string{"(s)", "(s,)", "(s)"}, losses: []string{"attribute addr.zip and its values"},
	},
	"attribute that no table holds": {
		from: "CREATE TYPE addr AS (street text, zip text); CREATE VIEW v AS SELECT NULL::addr AS a;",
		to:   "CREATE TYPE addr AS (street text); CREATE VIEW v AS SELECT NULL::addr AS a;", shown: "SELECT 1", want: [3]string{"1", "1", "1"},
	},
	"sequence goes": {
		from: "CREATE SEQUENCE inv; CREATE TABLE u (id int);", data: "SELECT nextval('inv'), nextval('inv')", to: "CREATE TABLE u (id int);",
		shown: "SELECT coalesce(pg_sequence_last_value(to_regclass('inv'))::text, 'none')", want: [3]string{"2", "none", "none"},
		destroys: []string{"sequence inv is dropped with its position"}, losses: []string{"the position of sequence inv, which begins anew"},
	},
	"sequence comes": {
		from: "CREATE TABLE u (id int);", to: "CREATE SEQUENCE inv; CREATE TABLE u (id int);",
		shown: "SELECT to_regclass('inv') IS NULL", want: [3]string{"t", "f", "t"}, losses: []string{"sequence inv and its position"},
	},
	"sequences of columns and tables that go": {
		from: "CREATE TABLE u (id serial, n int); CREATE TABLE v (id int GENERATED ALWAYS AS IDENTITY); CREATE TABLE w (id int);", to: "CREATE TABLE u (n int); CREATE TABLE w (id int);",
		shown: "SELECT 1", want: [3]string{"1", "1", "1"},
		destroys: []string{"column u.id is dropped with its values", "table v is dropped with its rows"},
		losses:   []string{"the values of column u.id, which comes back empty", "the rows of table v, which comes back empty"},
	},
	"identity goes": {
		from: "CREATE TABLE u (id int GENERATED BY DEFAULT AS IDENTITY, n text);", data: "INSERT INTO u (n) VALUES ('a'), ('b')", to: "CREATE TABLE u (id int NOT NULL, n text);",
		shown: "SELECT coalesce(pg_sequence_last_value(to_regclass('u_id_seq'))::text, 'none')", want: [3]string{"2", "none", "2"},
		destroys: []string{"sequence u_id_seq is dropped with its position"}, losses: []string{"the position of sequence u_id_seq, which goes on behind the values that there are"},
	},
	"identity comes": {
		from: "CREATE TABLE u (id int CONSTRAINT u_pkey PRIMARY KEY, n text);", data: "INSERT INTO u VALUES (1, 'a'), (7, 'b')", to: "CREATE TABLE u (id int GENERATED BY DEFAULT AS IDENTITY CONSTRAINT u_pkey PRIMARY KEY, n text);",
		shown: "SELECT coalesce(pg_sequence_last_value(to_regclass('u_id_seq'))::text, 'none')", want: [3]string{"none", "7", "none"},
		losses: []string{"sequence u_id_seq and its position"},
	},
	"identity comes where no value is in its way": {
		from: "CREATE TABLE u (id int NOT NULL); CREATE TABLE v (id int NOT NULL);", data: "INSERT INTO v VALUES (-1)",
		to:    "CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY); CREATE TABLE v (id int GENERATED ALWAYS AS IDENTITY (START 10));",
		shown: "SELECT count(pg_sequence_last_value(to_regclass('u_id_seq'))) + count(pg_sequence_last_value(to_regclass('v_id_seq')))", want: [3]string{"0", "0", "0"},
		losses: []string{"sequence u_id_seq and its position", "sequence v_id_seq and its position"},
	},
	"serial comes, and another counts down": {
		from: "CREATE TABLE u (id bigint NOT NULL); CREATE TABLE v (id bigint NOT NULL);", data: "INSERT INTO u VALUES (3); INSERT INTO v VALUES (-4), (-2)",
		to:    "CREATE TABLE u (id bigserial); CREATE TABLE v (id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT -1));",
		shown: "SELECT pg_sequence_last_value(to_regclass('u_id_seq')) || ' ' || pg_sequence_last_value(to_regclass('v_id_seq'))", want: [3]string{"", "3 -4", ""},
		losses: []string{"sequence u_id_seq and its position", "sequence v_id_seq and its position"},
	},
	"serial becomes identity": {
		from: "CREATE TABLE u (id serial, n text);", data: "INSERT INTO u (n) VALUES ('a'), ('b'), ('c'); DELETE FROM u WHERE n = 'c'",
		to:    "CREATE TABLE u (id int GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME u_ids), n text);",
		shown: "SELECT coalesce(pg_sequence_last_value(to_regclass('u_ids')), pg_sequence_last_value(to_regclass('u_id_seq')))", want: [3]string{"3", "3", "2"},
		losses: []string{"the position of sequence u_id_seq, which goes on behind the values that there are", "sequence u_ids and its position"},
	},
	"shared sequence becomes a serial's": {
		from: "CREATE SEQUENCE s; CREATE TABLE u (id int DEFAULT nextval('s') NOT NULL);", data: "INSERT INTO u DEFAULT VALUES; INSERT INTO u DEFAULT VALUES; TRUNCATE u",
		to:    "CREATE TABLE u (id serial);",
		shown: "SELECT coalesce(pg_sequence_last_value(to_regclass('s')), pg_sequence_last_value(to_regclass('u_id_seq')))", want: [3]string{"2", "2", "2"},
	},
	"identity's sequence gets another name": {
		from: "CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME a), n text);", data: "INSERT INTO u (n) VALUES ('a'), ('b'); TRUNCATE u",
		to:    "CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME b), n text);",
		shown: "SELECT coalesce(pg_sequence_last_value(to_regclass('a')), pg_sequence_last_value(to_regclass('b')))", want: [3]string{"2", "2", "2"},
	},
	"bits are padded": {
		from: "CREATE TABLE u (b bit(3));", data: "INSERT INTO u VALUES (B'101')", to: "CREATE TABLE u (b bit(5));",
		shown: "SELECT b FROM u", want: [3]string{"101", "10100", "101"},
		destroys: []string{"column u.b goes from bit(3) to bit(5), which fails or changes values that don't fit"},
		losses:   []string{"values of column u.b that don't fit when it goes from bit(5) to bit(3), or the way back where those make it fail"},
	},
}

// TestLost goes there and back with rows, and holds what is left of them against
// what the plan says is lost.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, c := range lossCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := tenanttest.New(t, tenanttest.Options{Schema: catalog.Schema{Public: tenanttest.PublicSchema, Tenant: c.from}, Tenants: 1})
			in := input(t, db, catalog.Schema{Public: tenanttest.PublicSchema, Tenant: c.to})
			p := onlyPlan(t, in)
			if len(p.Refused) > 0 || (p.Irreversible != "") != c.irreversible {
				t.Fatalf("refused %q, irreversible %q", p.Refused, p.Irreversible)
			}
			for what, lists := range map[string][2][]string{"destroys": {c.destroys, p.Destroys}, "losses": {c.losses, p.Losses}} {
				if diff := cmp.Diff(lists[0], lists[1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			w := plan.World{Conn: connect(t, db.OwnerURL), Names: plan.Names{Schema: db.Tenants[0].Schema(), Owner: "bailiwick_owner", Runtime: in.RuntimeRole}}
			ask := func(sql string) string {
				t.Helper()
				results, err := w.Conn.PgConn().Exec(t.Context(), "SET search_path = "+w.Schema+"; "+sql).ReadAll()
				if err != nil {
					t.Fatal(err)
				}
				var values []string
				for _, row := range results[len(results)-1].Rows {
					values = append(values, string(row[0]))
				}
				return strings.Join(values, " ")
			}
			ask(c.data)
			for i, steps := range [3][]plan.Step{nil, p.Steps, p.Reverse} {
				if err := plan.Run(t.Context(), w, steps); err != nil {
					t.Fatal(err)
				}
				if got := ask(c.shown); got != c.want[i] {
					t.Errorf("%q instead of %q after %v", got, c.want[i], steps)
				}
			}
		})
	}
}
