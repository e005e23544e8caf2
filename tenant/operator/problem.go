package operator

import (
	"errors"
	"net/http"
	"strings"

	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/catalog"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// told are the codes whose errors are about what was asked for, with the status
// of each. Others are answered as everywhere, without a word of the cause.
var told = map[tenant.Code]int{
	tenant.CodeNotFound: http.StatusNotFound,
	tenant.CodeConflict: http.StatusConflict,
	tenant.CodeInvalid:  http.StatusUnprocessableEntity,
}

// explained adds to an error of the catalog what it says. An operator may know
// why a step is not possible, and which hook has refused it; what PostgreSQL says is
// for the log alone.
func explained(err error) error {
	_, refused := errors.AsType[*catalog.RefusedError](err)
	if _, answered := errors.AsType[*rest.StatusError](err); answered && !refused {
		return err
	}
	status := told[tenant.CodeOf(err)]
	if status == 0 {
		return err
	}
	return &rest.StatusError{Problem: rest.Problem{Status: status, Detail: detail(err)}, Err: err}
}

// detail is what the catalog says of an error, without what PostgreSQL says.
func detail(err error) string {
	if cause, ok := errors.AsType[*tenant.Error](err); ok && cause.Err != nil {
		err = cause.Err
	}
	text, _, _ := strings.Cut(err.Error(), ": ERROR: ")
	return text
}

// invalid is 422 about a property of the body.
func invalid(property, detail string) error {
	return &rest.StatusError{Problem: rest.Problem{
		Status: http.StatusUnprocessableEntity,
		Errors: []rest.FieldError{{In: "body", Pointer: "/" + property, Detail: detail}},
	}}
}

// unreadable is 400 about what the document allows and no decoder understands.
func unreadable(what string, cause error) error {
	return &rest.StatusError{Problem: rest.Problem{Status: http.StatusBadRequest, Detail: what + " can't be read"}, Err: cause}
}
