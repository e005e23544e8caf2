package gosrc_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/gosrc"
)

// TestConflicts finds what would not compile, and nothing that an imported
// package could explain.
func TestConflicts(t *testing.T) {
	t.Parallel()
	got := gosrc.Conflicts(map[string][]byte{
		"a.go": []byte(`package p

import (
	"context"

	"github.com/jackc/pgx/v5"
)

type State string

const (
	StateAB State = "a-b"
	StateC  State = "c"
	StateD  State = "c"
)

func (s State) Valid() bool {
	switch s {
	case StateC, StateD:
		return true
	}
	return pgx.Valid(s, context.Background()).Fine()
}

type Task struct {
	A1 int ` + "`json:\"a1\"`" + `
	A1 int ` + "`json:\"a_1\"`" + `
}

type Tree = []Tree

func (t *Task) M() {}
`),
		"b.go": []byte("package p\n\ntype Task int\n\nconst StateAB State = \"a_b\"\n\nfunc (t Task) M() {}\n\nfunc F() { x := G; _ = x }\n"),
	})
	want := []gosrc.Conflict{
		{File: "a.go", Line: 19, Name: "StateD", Message: "duplicate case StateD (constant \"c\" of string type State) in expression switch"},
		{File: "a.go", Line: 27, Name: "A1", In: "Task", Sources: []string{"a1", "a_1"}, Message: "A1 redeclared"},
		{File: "a.go", Line: 30, Name: "Tree", Message: "invalid recursive type: Tree refers to itself"},
		{File: "b.go", Line: 3, Name: "Task", Message: "Task redeclared in this block"},
		{File: "b.go", Line: 5, Name: "StateAB", In: "State", Sources: []string{"a-b", "a_b"}, Message: "StateAB redeclared"},
		{File: "b.go", Line: 7, Name: "M", Message: "method Task.M already declared at a.go:32:16"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
