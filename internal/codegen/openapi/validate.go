package openapi

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"gopkg.in/yaml.v3"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// validate reports every violation of the OpenAPI specification at its place.
func (d *Document) validate(ctx context.Context, doc *openapi3.T) diag.List {
	err := doc.Validate(ctx, openapi3.EnableMultiError(), openapi3.DisableExamplesValidation())
	if err == nil {
		return nil
	}
	var found diag.List
	for _, e := range leaves(err) {
		found = append(found, diag.Diagnostic{
			File: d.File, Line: originLine(e), Rule: rule, Message: oneLine(e), Mend: mendDoc,
		})
	}
	found.Sort()
	return found
}

func line(o *openapi3.Origin) int {
	if o == nil || o.Key == nil {
		return 0
	}
	return o.Key.Line
}

// leaves takes joined errors apart.
func leaves(err error) []error {
	if multi, ok := errors.AsType[openapi3.MultiError](err); ok {
		all := make([]error, 0, len(multi))
		for _, e := range multi {
			all = append(all, leaves(e)...)
		}
		return all
	}
	return []error{err}
}

// originLine looks through an error's chain for the place that kin-openapi noted.
func originLine(err error) int {
	best := 0
	for err != nil {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() == reflect.Struct {
			if f := v.FieldByName("Origin"); f.IsValid() && f.CanInterface() {
				if o, ok := reflect.TypeAssert[*openapi3.Origin](f); ok && line(o) > 0 {
					best = line(o)
				}
			}
		}
		err = errors.Unwrap(err)
	}
	return best
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// yamlMessage is a YAML reader's error without what the place says already.
func yamlMessage(err error) string {
	text := oneLine(err)
	if _, after, ok := strings.Cut(text, "line "); ok {
		if _, message, ok := strings.Cut(after, ": "); ok {
			return message
		}
	}
	return text
}

// checkRefs reports references that lead nowhere or out of the document.
func (d *Document) checkRefs(node *yaml.Node, found diag.List) diag.List {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if key.Value != "$ref" || value.Kind != yaml.ScalarNode {
				continue
			}
			path, local := strings.CutPrefix(value.Value, "#/")
			switch {
			case !local:
				found = append(found, d.At(value.Line, "openapi-ref", value.Value, "bundle the document into one file", "the reference leads out of the document"))
			case d.Line(strings.Split(refUnescape.Replace(path), "/")...) == 0:
				found = append(found, d.At(value.Line, "openapi-ref", value.Value, "define it, or correct the reference", "the reference leads nowhere"))
			}
		}
	}
	for _, child := range node.Content {
		found = d.checkRefs(child, found)
	}
	return found
}

var refUnescape = strings.NewReplacer("~1", "\x00", "~0", "~")

func yamlErrorLine(err error) int {
	_, after, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return 0
	}
	n := 0
	for _, r := range after {
		if r < '0' || r > '9' {
			break
		}
		n = n*10 + int(r-'0')
	}
	return n
}
