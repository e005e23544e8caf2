package tenant_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant"
)

func ExampleFilter() {
	state, words := "open", "printer'; DROP TABLE tickets" // what a client sent
	var f tenant.Filter
	f.And("state = $?", state)
	f.And("position($? IN subject) > 0 OR position($? IN body) > 0", words, words)
	sql := "SELECT id FROM tickets" + f.Where() + "ORDER BY id LIMIT " + f.Arg(20)
	fmt.Println(sql)
	fmt.Println(f.Args()...)
	// rows, err := q.Querier().Query(ctx, string(sql), f.Args()...)

	// Output:
	// SELECT id FROM tickets WHERE (state = $1) AND (position($2 IN subject) > 0 OR position($3 IN body) > 0) ORDER BY id LIMIT $4
	// open printer'; DROP TABLE tickets printer'; DROP TABLE tickets 20
}

// TestFilter holds that values stay arguments, whatever they look like.
func TestFilter(t *testing.T) {
	t.Parallel()
	var f tenant.Filter
	if got := f.Where(); got != " " {
		t.Errorf("without a condition: %q", got)
	}
	f.And("muted")
	f.And("a = $? AND b = $?", "$?", "x' OR true")
	f.And("tags ? 'x' AND c = $?::text[]", []string{"$1"})
	f.And("d = $? AND e = $?", 1) // One too few is for PostgreSQL to refuse.
	if diff := cmp.Diff(tenant.SQL(` WHERE (muted) AND (a = $1 AND b = $2) AND (tags ? 'x' AND c = $3::text[]) AND (d = $4 AND e = $?) `), f.Where()); diff != "" {
		t.Error(diff)
	}
	want := []any{"$?", "x' OR true", []string{"$1"}, 1}
	if diff := cmp.Diff(want, f.Args()); diff != "" {
		t.Error(diff)
	}
}
