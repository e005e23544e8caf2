package openapi

import (
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bailiwick-dev/bailiwick/internal/diag"
)

// The extensions that package tenant/rest obeys, each the rule of its findings.
const (
	maxBody         = "x-max-body"
	planLimit       = "x-plan-limit"
	itemSchema      = "x-item-schema"
	sunset          = "x-sunset"
	deprecatedSince = "x-deprecated-since"
	deprecationLink = "x-deprecation-link"
)

// checkExtensions reports what the runtime would refuse when the service
// starts, or clients would be misled by.
func (d *Document) checkExtensions(o *Operation) diag.List {
	return slices.Concat(d.checkMaxBody(o), d.checkPlanLimit(o), d.checkItemSchemas(o), d.checkDeprecation(o), d.checkHeaders(o))
}

func (d *Document) checkMaxBody(o *Operation) diag.List {
	value, ok := o.Op.Extensions[maxBody]
	if !ok {
		return nil
	}
	at := d.operationLine(o, maxBody)
	if n, isNumber := value.(float64); !isNumber || n < 1 || n != float64(int64(n)) {
		return diag.List{d.At(at, maxBody, o.ID, "write a number of bytes, such as `x-max-body: 16777216`", "x-max-body %v is no number of bytes", value)}
	}
	if o.Op.RequestBody == nil {
		return diag.List{d.At(at, maxBody, o.ID, "remove it", "the operation has no request body")}
	}
	return nil
}

// checkItemSchemas looks at the media types of the request and all responses.
func (d *Document) checkItemSchemas(o *Operation) diag.List {
	var found diag.List
	if o.Op.RequestBody != nil {
		found = d.checkItemSchema(o, "request body", o.Op.RequestBody.Value.Content, found)
	}
	for _, code := range slices.Sorted(maps.Keys(o.Op.Responses.Map())) {
		found = d.checkItemSchema(o, "response "+code, o.Op.Responses.Value(code).Value.Content, found)
	}
	return found
}

func (d *Document) checkItemSchema(o *Operation, where string, content openapi3.Content, found diag.List) diag.List {
	for _, name := range slices.Sorted(maps.Keys(content)) {
		media := content[name]
		value, ok := media.Extensions[itemSchema]
		if !ok {
			continue
		}
		at := line(media.Origin)
		if at == 0 {
			at = o.Line
		}
		subject := o.ID + " " + where
		ref, isMap := value.(map[string]any)
		text, isText := ref["$ref"].(string)
		if !isMap || !isText || len(ref) != 1 || !strings.HasPrefix(text, "#/components/schemas/") {
			found = append(found, d.At(at, itemSchema, subject, "write `x-item-schema: {$ref: '#/components/schemas/Name'}`",
				"x-item-schema has to refer to a schema of the components, from which the handler's type is made"))
			continue
		}
		if !IsStreamed(name, media) {
			found = append(found, d.At(at, itemSchema, subject, "write `application/x-ndjson: {schema: {type: string, format: binary}, x-item-schema: ...}`",
				"only a streamed body has lines: %s is JSON, or its schema no string of format binary", name))
		}
	}
	return found
}

// IsStreamed tells whether package tenant/rest leaves a body of this media type
// to the handler as a stream.
func IsStreamed(name string, media *openapi3.MediaType) bool {
	if media.Schema == nil || media.Schema.Value == nil || IsJSON(name) {
		return false
	}
	return media.Schema.Value.Type.Is(openapi3.TypeString) && media.Schema.Value.Format == "binary"
}

// IsJSON is true for the media types of JSON, with or without parameters.
func IsJSON(name string) bool {
	media, _, err := mime.ParseMediaType(name)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// hasItemSchemas tells whether any media type names the schema of its lines.
func hasItemSchemas(doc *openapi3.T) bool {
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, media := range mediaTypes(op) {
				if media.Extensions[itemSchema] != nil {
					return true
				}
			}
		}
	}
	return false
}

// mediaTypes are those of an operation's request and responses.
func mediaTypes(op *openapi3.Operation) []*openapi3.MediaType {
	var all []*openapi3.MediaType
	if op.RequestBody != nil && op.RequestBody.Value != nil {
		all = slices.AppendSeq(all, maps.Values(op.RequestBody.Value.Content))
	}
	for _, r := range op.Responses.Map() {
		if r.Value != nil {
			all = slices.AppendSeq(all, maps.Values(r.Value.Content))
		}
	}
	return all
}

// checkDeprecation looks at the dates and the link of what is to go.
func (d *Document) checkDeprecation(o *Operation) diag.List {
	var found diag.List
	dates := map[string]time.Time{}
	for _, name := range []string{sunset, deprecatedSince, deprecationLink} {
		value, ok := o.Op.Extensions[name]
		if !ok {
			continue
		}
		at := d.operationLine(o, name)
		if !o.Op.Deprecated {
			found = append(found, d.At(at, name, o.ID, "write `deprecated: true` beside it, or remove it", "%s stands at an operation that is not deprecated", name))
			continue
		}
		if name == deprecationLink {
			if !isLink(value) {
				found = append(found, d.At(at, name, o.ID, "write a URL, such as `https://example.com/migrate`", "%s %v is no URL", name, value))
			}
			continue
		}
		date, err := time.Parse(time.DateOnly, strings.TrimSuffix(fmt.Sprint(value), "T00:00:00Z"))
		if err != nil {
			found = append(found, d.At(at, name, o.ID, "write a date, such as `2027-06-30`", "%s %v is no date", name, value))
			continue
		}
		dates[name] = date
	}
	if end, ok := dates[sunset]; ok && end.Before(dates[deprecatedSince]) {
		found = append(found, d.At(d.operationLine(o, sunset), sunset, o.ID, "let the operation live until after it was deprecated", "the operation ends before it is deprecated"))
	}
	return found
}

func isLink(value any) bool {
	text, ok := value.(string)
	link, err := url.Parse(text)
	return ok && err == nil && text != "" && (link.Host != "" || strings.HasPrefix(text, "/")) && !strings.ContainsAny(text, "<>\" \\")
}

// reservedHeaders tell of limits; what a service answers in them is not an
// operation's to say.
var reservedHeaders = []string{"ratelimit", "ratelimit-policy", "retry-after"}

// checkHeaders keeps the names of rate-limit headers for what they mean.
func (d *Document) checkHeaders(o *Operation) diag.List {
	var found diag.List
	for _, code := range slices.Sorted(maps.Keys(o.Op.Responses.Map())) {
		response := o.Op.Responses.Value(code).Value
		if code == "429" || code == "503" {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
			if !slices.Contains(reservedHeaders, strings.ToLower(name)) {
				continue
			}
			at := line(response.Origin)
			if at == 0 {
				at = o.Line
			}
			found = append(found, d.At(at, "reserved-header", o.ID+" "+code, "remove it here, or give it another name",
				"the header %s is kept for responses 429 and 503", name))
		}
	}
	return found
}
