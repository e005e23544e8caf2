package lint_test

import (
	"strings"
	"testing"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// TestEveryKind takes each kind of statement that the grammar knows: only those
// that read and write rows may be a query.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	fields := (&pgquery.Node{}).ProtoReflect().Descriptor().Fields()
	plain := "SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt RawStmt SetOperationStmt ReturnStmt PLAssignStmt"
	seen := 0
	for i := range fields.Len() {
		name := string(fields.Get(i).Message().Name())
		if !strings.HasSuffix(name, "Stmt") {
			continue
		}
		seen++
		want := !strings.Contains(" "+plain+" ", " "+name+" ")
		if got := lint.RefusedKind(name); got != want {
			t.Errorf("%s: refused is %t, want %t", name, got, want)
		}
	}
	if seen < 100 {
		t.Errorf("only %d kinds of statement in the grammar", seen)
	}
}
