package rest_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// A handler written by hand returns errors; the status is the answer's.
func ExampleErrorf() {
	err := rest.Errorf(http.StatusConflict, "the scan is %s already", "finished")
	problem, _ := rest.ProblemOf(err)
	fmt.Println(problem.Status, problem.Title)
	fmt.Println(problem.Detail)
	// Output:
	// 409 The request conflicts with what is stored
	// the scan is finished already
}

// Errors of the database need no handling, and never show what PostgreSQL said.
func ExampleProblemOf() {
	problem, _ := rest.ProblemOf(&pgconn.PgError{Code: "23505", Message: "duplicate key", Detail: "Key (email)=(a@b.example) exists."})
	fmt.Printf("%d %s %q\n", problem.Status, problem.Title, problem.Detail)
	// Output: 409 The request conflicts with what is stored ""
}

// The subject of the token is in the context of every handler.
func ExampleSubject() {
	ctx := rest.WithSubject(context.Background(), "ann@acme.example")
	fmt.Println(rest.Subject(ctx))
	// Output: ann@acme.example
}

func ExampleETag() {
	type scan struct {
		ID    int    `json:"id"`
		State string `json:"state"`
	}
	one, err := rest.ETag(scan{1, "running"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rest.IfMatch(one, scan{1, "running"}))
	problem, _ := rest.ProblemOf(rest.IfMatch(one, scan{1, "finished"}))
	fmt.Println(problem.Status)
	// Output:
	// <nil>
	// 412
}
