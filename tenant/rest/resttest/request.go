package resttest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// request is one as it goes over the wire, with its parts still apart.
type request struct {
	op     *operation
	method string
	// path are the escaped segments' values by parameter, tail what follows.
	path map[string]string
	tail string
	// query are escaped pairs.
	query  []string
	header http.Header
	body   []byte
	// wrong says what the document does not allow; such a request must fail.
	wrong string
	// stray: the path may lead to another operation, or to none.
	stray bool
}

// target is the path and the query.
func (r *request) target() string {
	path := r.op.path
	for name, value := range r.path {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	path += r.tail
	if len(r.query) > 0 {
		path += "?" + strings.Join(r.query, "&")
	}
	return path
}

// http makes what a server would hand on. It fails where the server would
// answer by itself.
func (r *request) http(ctx context.Context) (*http.Request, error) {
	target, err := url.ParseRequestURI(r.target())
	if err != nil {
		return nil, fmt.Errorf("parse the target: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "http://api.example/", bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.URL, req.RequestURI, req.Header = target, r.target(), r.header.Clone()
	req.RemoteAddr = "192.0.2.1:1234"
	return req, nil
}

// newRequest makes one for the operation: valid, or with one thing wrong.
func (g *generator) newRequest(d *document, op *operation, wrong bool) *request {
	r := &request{op: op, method: op.method, path: map[string]string{}, header: http.Header{}}
	culprit := -1
	if wrong {
		culprit = g.IntN(len(op.params) + 1)
		if hasBody := len(op.content()) > 0; len(op.params) == 0 || hasBody && g.oneIn(2) {
			culprit = len(op.params)
		}
	}
	for i, p := range op.params {
		if g.wanted(op, p) || i == culprit {
			g.addParam(r, p, i == culprit)
		}
	}
	g.addBody(d, r, culprit == len(op.params))
	return r
}

// wanted tells whether a valid request has the parameter.
func (g *generator) wanted(op *operation, p *openapi3.Parameter) bool {
	switch {
	case p.Required:
		return true
	case p.In == openapi3.ParameterInHeader && op.method == http.MethodDelete:
		return g.oneIn(2)
	}
	return g.oneIn(5)
}

func (g *generator) addParam(r *request, p *openapi3.Parameter, wrong bool) {
	value, ok := g.paramValue(r, p, wrong)
	if !ok {
		return
	}
	texts := []string{textOf(value)}
	if list, isList := value.([]any); isList {
		texts = texts[:0]
		for _, item := range list {
			texts = append(texts, textOf(item))
		}
		if p.In != openapi3.ParameterInQuery || p.Explode != nil && !*p.Explode {
			texts = []string{strings.Join(texts, ",")}
		}
	}
	if wrong && surelyWrong(p, texts) {
		r.wrong = fmt.Sprintf("the %s parameter %s = %.200q", p.In, p.Name, texts)
	}
	switch p.In {
	case openapi3.ParameterInPath:
		r.path[p.Name] = url.PathEscape(texts[0])
		r.stray = r.stray || strays(texts[0])
	case openapi3.ParameterInQuery:
		for _, text := range texts {
			r.query = append(r.query, url.QueryEscape(p.Name)+"="+url.QueryEscape(text))
		}
	case openapi3.ParameterInHeader:
		if sendable(texts[0]) {
			r.header[http.CanonicalHeaderKey(p.Name)] = []string{strings.Trim(texts[0], " \t")}
		} else {
			r.wrong = ""
		}
	}
}

// strays tells whether a path with such a segment is another path.
func strays(segment string) bool {
	return segment == "" || segment == "." || segment == ".." || strings.Contains(segment, "/")
}

// sendable tells whether HTTP lets a header have the value.
func sendable(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func schemaOf(p *openapi3.Parameter) *openapi3.Schema {
	if p.Schema != nil {
		return p.Schema.Value
	}
	return &openapi3.Schema{}
}

func (g *generator) paramValue(r *request, p *openapi3.Parameter, wrong bool) (any, bool) {
	s := schemaOf(p)
	if wrong {
		return g.invalid(s, p.Name)
	}
	if special := specials[p.Name]; special != nil && !g.oneIn(4) {
		if text := special(g, r); text != "" && allows(s, text) {
			return text, true
		}
	}
	if p.In == openapi3.ParameterInPath && r.method == http.MethodDelete && g.known != nil {
		// What was made last goes first, so that much is left to ask for.
		if all := g.known.values[p.Name]; len(all) > 0 && g.oneIn(2) {
			return all[len(all)-1], true
		}
		if !g.oneIn(8) {
			return (&generator{Rand: g.Rand}).valid(s, p.Name)
		}
	}
	if p.Example != nil && g.oneIn(8) {
		return plain(p.Example), true
	}
	return g.valid(s, p.Name)
}

// specials are parameters whose values have a meaning beyond their schema.
var specials = map[string]func(*generator, *request) string{
	"cursor": func(g *generator, r *request) string {
		if all := g.known.cursors[r.op.name()]; len(all) > 0 {
			return pick(g, all)
		}
		return ""
	},
	"If-Match":      (*generator).tag,
	"If-None-Match": (*generator).tag,
	"Prefer": func(g *generator, _ *request) string {
		return pick(g, []string{"count=exact", "count=exact", "count=none", "return=minimal, count=exact", "Count=\"exact\"", "count", ";;,", "respond-async"})
	},
	"Idempotency-Key": func(g *generator, _ *request) string {
		return pick(g, []string{"a", "b", "key-1", g.letters(1, 40), g.letters(255, 255), "\"quoted\""})
	},
}

// tag is an entity tag: the current one, an old one, or none at all.
func (g *generator) tag(r *request) string {
	path, _, _ := strings.Cut(r.target(), "?")
	if all := g.known.etags[path]; len(all) > 0 && g.IntN(3) > 0 {
		latest := all[len(all)-1]
		return pick(g, []string{latest, latest, latest, all[0], "W/" + latest, `"x", ` + latest})
	}
	return pick(g, []string{"*", `"x"`, `W/"x"`, `""`, "x", `"`, `"a", "b"`, `"a" "b"`, ",", "W/", `"ä"`, "*, *", `"a,b"`})
}

// textOf is how a value stands in a parameter.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	}
	return encode(v)
}

// surelyWrong tells whether no reading of the texts is a valid value.
func surelyWrong(p *openapi3.Parameter, texts []string) bool {
	s := schemaOf(p)
	if len(texts) == 0 || texts[0] == "" || strings.TrimSpace(texts[0]) != texts[0] {
		return false // Absent or empty is what each takes in its own way.
	}
	if is(s, openapi3.TypeArray) {
		if p.Explode != nil && !*p.Explode {
			texts = strings.Split(texts[0], ",")
		}
		for _, list := range [][]string{texts, strings.Split(strings.Join(texts, ","), ",")} {
			if allows(s, readList(element(s), list)) {
				return false
			}
		}
		return true
	}
	return len(texts) == 1 && !allows(s, readText(s, texts[0]))
}

func readList(s *openapi3.Schema, texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = readText(s, text)
	}
	return list
}

// readText is what a server may take a parameter's text for.
func readText(s *openapi3.Schema, text string) any {
	var v any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if !is(s, openapi3.TypeString) && decoder.Decode(&v) == nil {
		return v
	}
	return text
}

func (g *generator) addBody(d *document, r *request, wrong bool) {
	types := r.op.content()
	if len(types) == 0 {
		return
	}
	mediaType := pick(g, types)
	media := r.op.RequestBody.Value.Content[mediaType]
	r.header.Set("Content-Type", mediaType)
	switch {
	case !r.op.RequestBody.Value.Required && g.oneIn(6):
		r.header.Del("Content-Type")
	case isLines(mediaType) && d.itemSchema(media) != nil:
		g.addLines(r, d.itemSchema(media), wrong)
	case isJSON(mediaType) && media.Schema != nil:
		if value, ok := g.value(media.Schema.Value, wrong); ok {
			r.body = []byte(encode(value))
			if wrong {
				r.wrong = fmt.Sprintf("the body %.300s", r.body)
			}
		}
	default:
		r.body = []byte(g.word(0, 200))
	}
}

func (g *generator) value(s *openapi3.Schema, wrong bool) (any, bool) {
	if wrong {
		return g.invalid(s, "")
	}
	return g.valid(s, "")
}

// addLines makes a body of NDJSON, in which one line may be wrong.
func (g *generator) addLines(r *request, item *openapi3.Schema, wrong bool) {
	n := cmp.Or(g.IntN(8), 1)
	culprit := -1
	if wrong {
		culprit = g.IntN(n)
	}
	for i := range n {
		value, ok := g.value(item, i == culprit)
		if !ok {
			continue
		}
		if i == culprit {
			r.wrong = fmt.Sprintf("line %d of the body", i+1)
		}
		r.body = append(r.body, encode(value)...)
		r.body = append(r.body, '\n')
	}
}
