package atlas_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/bailiwick-dev/bailiwick/internal/atlas"
)

// TestErrors holds each message against testdata/errors.txtar: files named *.hcl,
// each followed by what there is to say of it.
func TestErrors(t *testing.T) {
	t.Parallel()
	const file = "testdata/errors.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []txtar.File
	for i, f := range archive.Files {
		if !strings.HasSuffix(f.Name, ".hcl") {
			continue
		}
		want, name := "", strings.TrimSuffix(f.Name, ".hcl")
		if i+1 < len(archive.Files) && archive.Files[i+1].Name == name {
			want = string(archive.Files[i+1].Data)
		}
		got := "fine\n"
		if _, err := atlas.Load(t.Context(), projectWith(t, string(f.Data)), atlas.Options{Getenv: noEnv}); err != nil {
			got = err.Error() + "\n"
		}
		out = append(out, f, txtar.File{Name: name, Data: []byte(got)})
		if d := gocmp.Diff(want, got); d != "" && !*update {
			t.Errorf("%s: %s", name, d)
		}
	}
	if *update {
		archive.Files = out
		if err := os.WriteFile(filepath.FromSlash(file), txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzLoad looks for files that make the reader panic or hang.
func FuzzLoad(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/errors.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, a := range archive.Files {
		if strings.HasSuffix(a.Name, ".hcl") {
			f.Add(string(a.Data))
		}
	}
	own, err := os.ReadFile("../../atlas.hcl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(own))
	p := projectWith(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		for _, word := range []string{"file", "glob", "print", "sql"} {
			if strings.Contains(text, word) {
				return // Files, networks and the test's output are not the fuzzer's.
			}
		}
		c, err := atlas.Parse(t.Context(), p, []byte(text), atlas.Options{Getenv: noEnv})
		if err != nil {
			return
		}
		d := c.Deployment
		if len(d.Order()) != len(d.Groups) || len(d.Groups) == 0 {
			t.Errorf("a deployment that never ends: %+v", d)
		}
		for _, g := range d.Groups {
			if sum(g.Waves(1000)) != 1000 || g.Parallel < 1 {
				t.Errorf("group %+v", g)
			}
		}
	})
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func sum(list []int) (n int) {
	for _, i := range list {
		n += i
	}
	return n
}
