package atlas_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
)

func TestWaves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		percent float64
		n       int
		want    []int
	}{
		{100, 10, []int{10}},
		{0, 10, []int{10}},
		{25, 10, []int{3, 3, 3, 1}},
		{50, 5, []int{3, 2}},
		{1, 3, []int{1, 1, 1}},
		{0.01, 2, []int{1, 1}},
		{33, 1, []int{1}},
		{10, 0, nil},
	} {
		if d := cmp.Diff(c.want, atlas.Group{Percent: c.percent}.Waves(c.n)); d != "" {
			t.Errorf("%v%% of %d: %s", c.percent, c.n, d)
		}
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text          string
		failed, total int
		exceeded      bool
	}{
		{"0", 0, 10, false},
		{"0", 1, 10, true},
		{"5", 5, 10, false},
		{"5", 6, 10, true},
		{"2%", 1, 49, true},
		{"2%", 1, 50, false},
		{"2%", 2, 50, true},
		{"0%", 1, 1000, true},
		{"100%", 10, 10, false},
	} {
		b, err := atlas.ParseBudget(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if b.Exceeded(c.failed, c.total) != c.exceeded {
			t.Errorf("%s: %d of %d", c.text, c.failed, c.total)
		}
		if again, err := atlas.ParseBudget(b.String()); err != nil || again != b {
			t.Errorf("%s reads back as %+v: %v", b, again, err)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1.5", "101%", "-1%", "NaN%", "%"} {
		if b, err := atlas.ParseBudget(bad); err == nil {
			t.Errorf("%q is %+v", bad, b)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	d := atlas.Deployment{Groups: []atlas.Group{
		{Name: "late", Match: []string{"x"}, DependsOn: []string{"canary", "rest"}},
		{Name: "canary", Match: []string{"canary", "beta"}},
		{Name: "rest", DependsOn: []string{"canary"}},
	}}
	if diff := cmp.Diff([]int{1, 2, 0}, d.Order()); diff != "" {
		t.Error(diff)
	}
	for ring, want := range map[string]int{"x": 0, "beta": 1, "canary": 1, "default": 2, "": 2} {
		if got := d.GroupOf(ring); got != want {
			t.Errorf("ring %q is in group %d", ring, got)
		}
	}
	if got := atlas.DefaultDeployment(); len(got.Order()) != 2 || got.GroupOf("canary") != 0 || got.GroupOf("default") != 1 {
		t.Errorf("%+v", got)
	}
}
