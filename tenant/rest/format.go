package rest

import (
	"errors"
	"regexp"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are the string formats that the validator checks beyond those it
// knows. Their errors never hold the value.
var formats = []openapi3.SchemaValidationOption{
	openapi3.WithStringFormatValidator("uuid", match(
		`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`, "a UUID")),
	openapi3.WithStringFormatValidator("decimal", match(
		`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$`, "a decimal number")),
	openapi3.WithStringFormatValidator("email", match(`^[^@\s]+@[^@\s]+$`, "an e-mail address")),
}

func match(expr, what string) openapi3.StringFormatValidator {
	re := regexp.MustCompile(expr)
	return openapi3.NewCallbackValidator(func(s string) error {
		if !re.MatchString(s) {
			return errors.New("not " + what)
		}
		return nil
	})
}
