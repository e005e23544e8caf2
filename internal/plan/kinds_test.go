package plan_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint/fingerprinttest"
	"github.com/bailiwick-dev/bailiwick/tenant/tenanttest"
)

var update = flag.Bool("update", false, "write the golden files of kinds again")

// goldenVersion is the major version of PostgreSQL whose statements are in the
// golden files. Of others, which spell them differently, the outcome counts: where
// that is another one, it stands in a folder of the version.
const goldenVersion = 15

// TestKinds plans every kind of change there and back, as it is done for a
// tenant: on clones, certified, with the way back. What is planned and what is
// refused stands in a golden file for each family, with statements and sentences.
func TestKinds(t *testing.T) {
	t.Parallel()
	db := tenanttest.Database(t)
	var version int
	if err := connect(t, db.OwnerURL).QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	families := map[string][]fingerprinttest.Kind{}
	kinds := 0
	for _, k := range fingerprinttest.Kinds(version) {
		if !k.OrderOnly { // That is no difference, and never planned.
			families[k.Family] = append(families[k.Family], k)
			kinds++
		}
	}
	if kinds < 240 {
		t.Errorf("only %d kinds", kinds)
	}
	for family, kinds := range families {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				kinds = kinds[:min(len(kinds), 2)]
			}
			compareKinds(t, family, version, tryKinds(t, db, kinds))
		})
	}
}

// journey is a kind of change with the two states that it lies between.
type journey struct {
	fingerprinttest.Kind

	from, to, public []fingerprint.Object
	there, back      *plan.Plan
}

// tryKinds plans kinds. The owner does it, if that is allowed to make the change.
func tryKinds(t *testing.T, db tenanttest.URLs, kinds []fingerprinttest.Kind) []*journey {
	t.Helper()
	groups := map[string][]*journey{}
	all := make([]*journey, 0, len(kinds))
	for _, k := range kinds {
		url := db.OwnerURL
		j := &journey{Kind: k}
		if !j.make(t, url) {
			if url = db.SuperURL; !j.make(t, url) {
				t.Fatalf("%s: a superuser may not do that", k.Name)
			}
		}
		key := url + " " + fingerprint.Of(j.public)
		groups[key] = append(groups[key], j)
		all = append(all, j)
	}
	for key, group := range groups {
		url, _, _ := strings.Cut(key, " ")
		var ways []plan.Way
		for _, j := range group {
			ways = append(ways, plan.Way{From: j.from, To: j.to}, plan.Way{From: j.to, To: j.from})
		}
		plans, err := plan.Ways(t.Context(), plan.Input{URL: url}, group[0].public, ways)
		if err != nil {
			t.Fatal(err)
		}
		for i, j := range group {
			j.there, j.back = plans[2*i], plans[2*i+1]
		}
	}
	return all
}

// make reads the two states, in a transaction that is rolled back. It tells
// whether whoever connects may make them.
func (j *journey) make(t *testing.T, url string) bool {
	t.Helper()
	conn := connect(t, url)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	name := tenant.NewID().SchemaName()
	read := func(statements string) (tenant []fingerprint.Object, ok bool) {
		_, err := conn.PgConn().Exec(t.Context(), fingerprinttest.For(name, statements)).ReadAll()
		if pg, is := errors.AsType[*pgconn.PgError](err); is && pg.Code == "42501" {
			return nil, false
		}
		if err == nil {
			tenant, err = fingerprint.ObjectsTx(t.Context(), tx, name)
		}
		if err == nil {
			j.public, err = fingerprint.ObjectsTx(t.Context(), tx, "public")
		}
		if err != nil {
			t.Fatalf("%s: %v", j.Name, err)
		}
		return tenant, true
	}
	var ok bool
	if j.from, ok = read(fmt.Sprintf("%s; CREATE ROLE %s; GRANT %[2]s TO CURRENT_USER; CREATE SCHEMA %[2]s; SET LOCAL search_path = %[2]s, pg_temp;", catalog.NoRoutines, name) +
		fingerprinttest.Base + j.Base); !ok {
		return false
	}
	j.to, ok = read(j.Change)
	return ok
}

// compareKinds holds the plans of a family against its golden file.
func compareKinds(t *testing.T, family string, version int, all []*journey) {
	t.Helper()
	var text strings.Builder
	for _, j := range all {
		fmt.Fprintf(&text, "== %s\n", j.Name)
		report(t, &text, j, "there", j.there)
		report(t, &text, j, "back", j.back)
		j.reversible(t, "there", j.there, j.back)
		j.reversible(t, "back", j.back, j.there)
	}
	file := strings.ReplaceAll(family, " ", "-") + ".txt"
	golden, got := filepath.Join("testdata", "kinds", file), text.String()
	if version != goldenVersion {
		got = unlike(got, readGolden(t, golden))
		golden = filepath.Join("testdata", "kinds", strconv.Itoa(version), file)
	}
	switch {
	case *update && got == "":
		if err := os.Remove(golden); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	case *update:
		if err := errors.Join(os.MkdirAll(filepath.Dir(golden), 0o750), os.WriteFile(golden, []byte(got), 0o600)); err != nil {
			t.Error(err)
		}
	default:
		var want strings.Builder
		for _, section := range sections(readGolden(t, golden)) {
			if slices.ContainsFunc(all, func(j *journey) bool { return strings.HasPrefix(section, "== "+j.Name+"\n") }) {
				want.WriteString(section)
			}
		}
		if diff := cmp.Diff(want.String(), got); diff != "" {
			t.Errorf("run with -update and read the difference\n%s", diff)
		}
	}
}

// readGolden reads a file, which is missing where there is nothing to say.
func readGolden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// sections are the parts of a golden file, one for each kind.
func sections(text string) (list []string) {
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "== "), "\n== ") {
		if part != "" {
			list = append(list, "== "+strings.TrimSuffix(part, "\n")+"\n")
		}
	}
	return list
}

// unlike are the sections whose outcome is not in the golden file: how PostgreSQL
// writes statements, it changes from version to version.
func unlike(got, golden string) string {
	outcome := func(section string) string {
		var lines []string
		for line := range strings.Lines(section) {
			if !strings.HasPrefix(line, " ") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	var other strings.Builder
	known := sections(golden)
	for _, section := range sections(got) {
		if !slices.ContainsFunc(known, func(k string) bool { return outcome(k) == outcome(section) }) {
			other.WriteString(section)
		}
	}
	return other.String()
}

// mended tells a sentence that names an object, says why, and then what to do.
var mended = regexp.MustCompile(`^.+: .+; (write|run|make|create|rename|drop|leave|change|move|add|take) `)

// report notes what came of a way.
func report(t *testing.T, text *strings.Builder, j *journey, way string, p *plan.Plan) {
	t.Helper()
	if !p.Certified() {
		fmt.Fprintf(text, "%s: refused\n", way)
		for _, sentence := range p.Refused {
			fmt.Fprintf(text, "    %s\n", sentence)
		}
		j.sentences(t, way, p.Refused)
		return
	}
	fmt.Fprintf(text, "%s: certified\n", way)
	if len(p.Steps) == 0 {
		t.Errorf("%s: %s: an empty plan", j.Name, way)
	}
	for i, step := range p.Steps {
		if i > 0 {
			fmt.Fprintf(text, "  then\n")
		}
		for _, s := range step.Statements {
			if strings.Contains(s, "RESTART") {
				t.Errorf("%s: %s: %s sets back positions", j.Name, way, s)
			}
			fmt.Fprintf(text, "    %s\n", strings.ReplaceAll(s, "\n", "\n    "))
		}
	}
}

// sentences are about an object of the one state or the other.
func (j *journey) sentences(t *testing.T, way string, list []string) {
	t.Helper()
	for _, s := range list {
		named := slices.ContainsFunc(slices.Concat(j.from, j.to), func(o fingerprint.Object) bool {
			return strings.Contains(s, string(o.Kind)+" "+o.Name)
		})
		if !named || strings.Contains(s, "ERROR:") || !mended.MatchString(s) {
			t.Errorf("%s: %s: no sentence with an object and a way round: %s", j.Name, way, s)
		}
	}
}

// reversible checks that a plan's way back is there when the other way is planned.
func (j *journey) reversible(t *testing.T, way string, p, back *plan.Plan) {
	t.Helper()
	switch {
	case !p.Certified():
	case len(p.Reverse) > 0 && p.Irreversible == "":
	case back.Certified():
		t.Errorf("%s: %s: %q keeps it from its way back, but there is one", j.Name, way, p.Irreversible)
	default:
		j.sentences(t, way, []string{p.Irreversible})
	}
}
