package planfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bailiwick-dev/bailiwick/internal/plan"
	"github.com/bailiwick-dev/bailiwick/internal/plan/planfile"
	"github.com/bailiwick-dev/bailiwick/internal/project"
	"github.com/bailiwick-dev/bailiwick/tenant/fingerprint"
)

func newProject(t *testing.T) *project.Project {
	t.Helper()
	return &project.Project{Root: t.TempDir(), Tenant: &project.Scope{Name: "tenant", OwnSchema: "schema/tenant.sql"}}
}

func worked() *plan.Plan {
	p := withoutLines(wantPlan())
	p.Source = ""
	p.Differences = []fingerprint.Difference{
		{Kind: "column", Name: `users."Nick Name"`, To: "type: text"},
		{Kind: "index", Name: "i", From: "x"},
	}
	return p
}

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	plans, err := planfile.Load(p)
	if err != nil || len(plans) > 0 {
		t.Fatal(plans, err)
	}
	file, err := planfile.Save(p, worked(), "What it is for.\rDROP TABLE users;\n\nSecond line.")
	if err != nil || file != "schema/plans/tenant-add-column-users-nick-name-and-1-more-d3c3fe83.sql" {
		t.Fatal(file, err)
	}
	text, err := os.ReadFile(p.Abs(file))
	if err != nil || !strings.HasPrefix(string(text), head+"-- What it is for. DROP TABLE users;\n--\n-- Second line.\n\nALTER TABLE users") {
		t.Errorf("%v: %s", err, text)
	}
	if plans, err = planfile.Load(p); err != nil || len(plans) != 1 {
		t.Fatal(plans, err)
	}
	want := worked()
	want.Source = file
	if diff := cmp.Diff(want, withoutLines(plans[0]), cmpopts.IgnoreFields(plan.Plan{}, "Differences")); diff != "" {
		t.Error(diff)
	}
	var files plan.Files = plans
	list := files.From(plan.Tenant, from)
	if len(list) != 1 || list[0] == plans[0] || cmp.Diff(list[0], plans[0]) != "" {
		t.Error(list)
	}
	for _, other := range []plan.Plan{{Scope: plan.Public, From: from, To: to}, {Scope: plan.Tenant, From: to, To: from}} {
		if list := files.From(other.Scope, other.From); len(list) > 0 {
			t.Errorf("found %v", list)
		}
	}
	if again, err := planfile.Save(p, worked(), ""); again != file || !errors.Is(err, planfile.ErrExists) {
		t.Error(again, err)
	}
	if again, err := planfile.Save(p, plans[0], ""); again != file || !errors.Is(err, planfile.ErrExists) {
		t.Error(again, err)
	}

	write(t, p, "README.md", "no plan")
	write(t, p, "z-copy.sql", string(text))
	write(t, p, "broken.sql", "SELECT 1;")
	_, err = planfile.Load(p)
	wantErr := "schema/plans/broken.sql:1: a statement before the plan begins [plan-step]\n" +
		"\tmend: begin the file with -- bailiwick:plan tenant (or public), bailiwick:from and bailiwick:to\n" +
		"schema/plans/z-copy.sql:1: tenant: " + file + " is a plan from " + from + " to " + to + " already [plan-twice]\n" +
		"\tmend: keep one of the two files"
	if err == nil || err.Error() != wantErr {
		t.Error(cmp.Diff(wantErr, err.Error()))
	}
}

func write(t *testing.T, p *project.Project, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.Abs(p.Plans()), name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestName: a file's name can be read, is the same for the same way, and is safe.
func TestName(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, d := range []fingerprint.Difference{
		{Kind: "table", Name: "users", From: "x"}, {Kind: "function", Name: "touch(uuid, text)", From: "x", To: "y"},
		{Kind: "view", Name: "../../etc/\x00passwd\n", To: "x"}, {Kind: "policy", Name: strings.Repeat("ü", 200), To: "x"},
	} {
		name := planfile.Name(&plan.Plan{Scope: plan.Public, From: from, To: to, Differences: []fingerprint.Difference{d}})
		names[name] = true
	}
	want := map[string]bool{
		"public-drop-table-users-c159fe15.sql": true, "public-change-function-touch-uuid-text-c159fe15.sql": true,
		"public-add-view-etc-passwd-c159fe15.sql": true, "public-add-policy-c159fe15.sql": true,
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

// TestDraft: what is not to be gone by yet is saved so that nobody does.
func TestDraft(t *testing.T) {
	t.Parallel()
	for why, p := range map[string]*plan.Plan{
		"these statements do not lead all the way": {Refused: []string{"an enum"}, Destroys: []string{"column a"}},
		`it destroys data: column "a"; column b`:   {Destroys: []string{`column "a"`, "column b"}},
	} {
		p.Scope, p.From, p.To, p.Steps = plan.Tenant, from, to, worked().Steps
		got, found := planfile.Parse("x.sql", planfile.Format(p, ""))
		want := "x.sql:4: this is a draft: " + why + " [plan-draft]\n\tmend: finish and review it, then remove this line; or delete the file"
		if got != nil || found.Error() != want {
			t.Errorf("%v, %v", got, found)
		}
	}
}
