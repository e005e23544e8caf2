package lint_test

import (
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/lint"
)

// TestNUL hides a call behind the byte at which a parser written in C stops.
func TestNUL(t *testing.T) {
	t.Parallel()
	text := "-- name: Q :one\nSELECT 1;\x00\n-- name: R :one\nSELECT pg_sleep(1);\n"
	list := lint.SQL(lint.Input{TenantQueries: []lint.File{{Name: "q.sql", Text: text}}})
	if len(list) != 1 || list[0].Rule != "syntax-error" || list[0].Line != 2 || list[0].Column != 10 {
		t.Errorf("findings are %v, want a syntax error at 2:10", list)
	}
}
