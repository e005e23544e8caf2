package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"
)

// SubjectArg converts the authenticated user's subject to an argument of a query.
func SubjectArg[B any](ctx context.Context, f *Fields, convert func(string) (B, error)) B {
	subject := Subject(ctx)
	if subject == "" {
		f.Add("auth.subject", errors.New("nobody is authenticated"))
		var zero B
		return zero
	}
	return Take(f, "auth.subject", convert, subject)
}

// StringToUUID reads a UUID from text, such as a token's subject.
func StringToUUID[A ~string, B ~[16]byte](v A) (B, error) {
	id, err := uuid.Parse(string(v))
	if err != nil {
		return B{}, errors.New("not a UUID")
	}
	return B(id), nil
}

// Affected is nil when a statement changed a row, else the answer 404.
func Affected(rows int64) error {
	if rows == 0 {
		return Errorf(http.StatusNotFound, "there is no such row")
	}
	return nil
}
