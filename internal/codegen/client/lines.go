package client

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/codegen/openapi"
)

const (
	linesType = "application/x-ndjson"
	// itemSchema is the extension that names the schema of one line.
	itemSchema = "x-item-schema"
)

// lines writes the walk through the lines of an operation's streamed answer.
func (g *generator) lines(op *openapi.Operation) {
	media := streamed(op.Op)
	if media == nil {
		return
	}
	goName := g.goName(op)
	c := g.callOf(goName)
	if c == nil {
		c = g.callOf(goName + "WithBody")
	}
	if c == nil {
		return
	}
	item, ok := g.lineType(op, media)
	name := goName + "Lines"
	if !ok || !g.method(op, name) {
		return
	}
	self := c.free("c")
	arguments := strings.Join(c.names, ", ")
	if editors := c.names[len(c.names)-1]; strings.HasSuffix(editors, "...") {
		// The caller's editors come last, and win.
		arguments = strings.TrimSuffix(arguments, editors) + "append([]RequestEditorFn{httpclient.Accept(httpclient.LinesType)}, " + editors + ")..."
	}
	g.printf(`
// %[1]s walks through the lines of the answer to %[2]s, %[3]s %[4]s,
// as they arrive. Each walk sends the request; it ends with its first error, and
// an answer that breaks off is one.
func (%[5]s *%[6]s) %[1]s(%[7]s) iter.Seq2[%[8]s, error] {
	return httpclient.Lines[%[8]s](func() (*http.Response, error) {
		return %[5]s.%[9]s(%[10]s)
	})
}
`, name, goName, op.Method, op.Path, self, receiver, c.parameters, item, c.fn.Name.Name, arguments)
}

// streamed finds the lines among an operation's successful answers.
func streamed(op *openapi3.Operation) *openapi3.MediaType {
	for status, response := range op.Responses.Map() {
		if strings.HasPrefix(status, "2") && response.Value != nil {
			if media := response.Value.Content[linesType]; media != nil {
				return media
			}
		}
	}
	return nil
}

// lineType is the Go type of one line: that of x-item-schema, else any JSON.
func (g *generator) lineType(op *openapi.Operation, media *openapi3.MediaType) (string, bool) {
	raw, ok := media.Extensions[itemSchema]
	if !ok {
		return "json.RawMessage", true
	}
	reference, _ := raw.(map[string]any)
	target, _ := reference["$ref"].(string)
	schema, ok := strings.CutPrefix(target, "#/components/schemas/")
	if !ok {
		return "", false // The document's reader reports it.
	}
	for name := range g.pkg.Types {
		if openapi.SameGoName(name, schema) {
			return name, true
		}
	}
	g.reportf(op.Line, op.ID, "refer to a schema that oapi-codegen makes a type of", "the x-item-schema of its lines is %s, of which the client has no type", schema)
	return "", false
}
