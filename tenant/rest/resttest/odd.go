package resttest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	// deep is a nesting that recursion must survive or refuse.
	deep = 20_000
	// large is a body beyond the limit of most services.
	large = 2 << 20
)

// odd changes a request to one that no client of the document would send. What
// it leads to is open, as long as the answer is documented.
func (g *generator) odd(r *request) {
	for range 1 + g.IntN(2) {
		ways := []func(*generator, *request){(*generator).oddQuery, (*generator).oddHeader}
		if len(r.path) > 0 {
			ways = append(ways, (*generator).oddPath)
		}
		if len(r.op.content()) > 0 {
			ways = append(ways, (*generator).oddBody, (*generator).oddBody, (*generator).oddMedia)
		}
		pick(g, ways)(g, r)
	}
}

// oddSegments are escaped as they are sent.
var oddSegments = []string{
	"%00", "%2e%2e", "%2F", "a%2fb", "..", "%2e", "", "%ff", "%C0%AF", "%ED%A0%80", "null", "undefined", "%F0%9F%92%A9", "%E2%80%AE", "%20", "+", "0",
	"-1", "00", "1.0", "1e3", "%31", "0x1", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "NaN", "'%20OR%201=1--",
	"00000000-0000-0000-0000-000000000000", "%7B%7D", ";x=1", "a;b=c", "*", "%25", "%2500", "~", "a%0d%0ab", "%5C", ":", "@",
}

func (g *generator) oddPath(r *request) {
	var names []string
	for _, p := range r.op.params {
		if p.In == openapi3.ParameterInPath {
			names = append(names, p.Name)
		}
	}
	segment := pick(g, oddSegments)
	if g.oneIn(12) {
		segment = strings.Repeat(pick(g, []string{"a", "%F0%9F%92%A9", "0"}), 3000)
	}
	if g.oneIn(10) {
		r.tail = pick(g, []string{"/", "//", "/.", "/x", ";", "%2F", "%00"})
	}
	name := pick(g, names)
	if g.oneIn(4) { // The same id, spelled in another way.
		segment = pick(g, []string{strings.ToUpper(r.path[name]), r.path[name] + "%20", "%20" + r.path[name], everyByte(r.path[name])})
	}
	r.path[name] = segment
	decoded, err := url.PathUnescape(segment)
	r.stray = r.stray || err != nil || strays(decoded) || r.tail != "" || strings.HasSuffix(decoded, "\x00")
	r.wrong = ""
}

// everyByte escapes also what needs no escape.
func everyByte(escaped string) string {
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped
	}
	var b strings.Builder
	for i := range len(text) {
		b.WriteString("%" + string("0123456789abcdef"[text[i]>>4]) + string("0123456789abcdef"[text[i]&15]))
	}
	return b.String()
}

// oddValues are escaped as they are sent.
var oddValues = []string{
	"", "%", "%zz", "%0", "%00", "%ff", "%C0%80", "%ED%A0%80", "a;b", "+", "%2B", "null", "[]", "%5B1%5D", "{}", "1,2", ",", ",,,", "1.0", "1e2", "0x10", "-0",
	"99999999999999999999", "1e400", "NaN", "TRUE", "yes", "%F0%9F%92%A9", "%E2%80%AE", "a%0d%0ab", "=", "==", "%26", "%3D", "2024-01-01T00:00:00+00:00", "%25", "''", "%5C",
}

func (g *generator) oddQuery(r *request) {
	name := "x"
	var names []string
	for _, p := range r.op.params {
		if p.In == openapi3.ParameterInQuery {
			names = append(names, p.Name)
		}
	}
	if len(names) > 0 && !g.oneIn(6) {
		name = pick(g, names)
	}
	value := pick(g, oddValues)
	switch g.IntN(10) {
	case 0: // The same again.
		r.query = append(r.query, r.query...)
	case 1:
		value = strings.Repeat(pick(g, []string{"a", "%F0%9F%92%A9", "1", "%25"}), 4000)
	case 2:
		name = pick(g, []string{name + "[]", name + "[x]", strings.ToUpper(name), "%00", "", "%ff", name + "%00", name + "."})
	case 3:
		r.query = append(r.query, name)
		return
	case 4: // A cursor that is not quite one.
		if name = "cursor"; len(g.known.cursors[r.op.name()]) > 0 {
			value = g.damaged(pick(g, g.known.cursors[r.op.name()]))
		}
	case 5: // A cursor of another list.
		for _, key := range sortedKeys(g.known.cursors) {
			if key != r.op.name() && g.oneIn(3) {
				name, value = "cursor", pick(g, g.known.cursors[key])
			}
		}
	}
	r.query = append(r.query, name+"="+value)
	if g.oneIn(20) {
		for range 500 {
			r.query = append(r.query, name+"="+value)
		}
	}
	g.Shuffle(len(r.query), func(i, j int) { r.query[i], r.query[j] = r.query[j], r.query[i] })
	r.wrong = ""
}

// damaged is a text with one character cut, doubled or changed.
func (g *generator) damaged(text string) string {
	if text == "" {
		return "A"
	}
	i := g.IntN(len(text))
	return pick(g, []string{text[:i], text[:i] + "A" + text[i+1:], text + text, text + "=", text[:i] + "%0a" + text[i:], strings.Repeat(text, 10)})
}

// oddHeaders are values by name; an empty name stands for any of the operation.
var oddHeaders = []struct {
	name   string
	values []string
}{
	{"X-Request-Id", []string{"", "x", "12345678", strings.Repeat("a", 65), "a b c d e f", "\xff\xfe\xff\xfe\xff\xfe\xff\xfe", "../../../x"}},
	{"Accept", []string{"", "text/html", "application/json;q=0", "*/*;q=x", ";;;", "application/problem+json", strings.Repeat("a/b,", 500)}},
	{"Accept-Encoding", []string{"gzip", "br", "identity;q=0", "*;q=0", "gzip;q=x"}},
	{"Authorization", []string{"Bearer", "Bearer x", "bearer a.b.c", "Basic eDp5", "\xff", "Bearer " + strings.Repeat("a", 9000), "Bearer x, Bearer y"}},
	{"Accept-Language", []string{"\xff", "*", "en-US,en;q=0.5"}},
	{"If-Match", []string{"", "*", "\xff", "\"\xff\"", strings.Repeat(`"a",`, 200), strings.Repeat(`"`, 500), "W/\"a\"x"}},
	{"If-None-Match", []string{"", "*", "\xff", "\"\xff\"", strings.Repeat(`"a",`, 200), "W/*"}},
	{"Idempotency-Key", []string{"", " ", "\xff", "ä", "😀", strings.Repeat("k", 256), strings.Repeat("k", 9000), "a,b", "a\tb"}},
	{"Prefer", []string{"", "count=exact", "count=exact;x=y, count=exact", "=", "count=\"exact", "\xff", strings.Repeat("count=exact,", 300)}},
	{"Range", []string{"bytes=0-1", "bytes=-", "items=0-1", "bytes=9999999999999999999-"}},
	{"If-Modified-Since", []string{"Mon, 01 Jan 2024 00:00:00 GMT", "yesterday"}},
	{"X-Http-Method-Override", []string{"DELETE", "GET", ""}},
	{"Origin", []string{"null", "https://evil.example", "\xff"}},
	{"Cookie", []string{"a=b", ";", "\xff=\xff", strings.Repeat("a=b; ", 500)}},
	{"X-Forwarded-Host", []string{"evil.example", "\xff"}},
	{"Expect", []string{"100-continue", "x"}},
	{"Content-Encoding", []string{"gzip", "deflate", "identity", "x, y", ""}},
	{"Content-Length", []string{"0", "x", "-1"}},
	{"Connection", []string{"close", "upgrade"}},
	{"Upgrade", []string{"websocket", "h2c"}},
}

func (g *generator) oddHeader(r *request) {
	if r.method == http.MethodGet && g.oneIn(10) {
		r.method = http.MethodHead
		return
	}
	if len(r.op.content()) == 0 && g.oneIn(10) {
		r.body = []byte(`{"a":1}`)
		return
	}
	header := pick(g, oddHeaders)
	values := []string{pick(g, header.values)}
	if g.oneIn(5) {
		values = append(values, pick(g, header.values))
	}
	r.header[http.CanonicalHeaderKey(header.name)] = values
	r.wrong = ""
}

func (g *generator) oddMedia(r *request) {
	value := pick(g, []string{
		"", "json", "text/plain", "application/xml", "application/json", "application/merge-patch+json", "application/json; charset=latin1",
		"application/json; charset=utf-16", "application/json; charset=\"utf-8\"", "application/JSON", "application/*", "*/*", "application/json;",
		"application/json; charset", "application/json, text/plain", "multipart/form-data; boundary=", "multipart/form-data; boundary=x",
		"application/x-www-form-urlencoded", "application/problem+json", "application/x-ndjson", "text/csv", "application/octet-stream", "application/x-yaml",
		"application/zip", "application/json-patch+json", "\xff/\xff", "/", ";", strings.Repeat("a", 5000), "application/json; a=" + strings.Repeat("b", 5000),
	})
	r.header["Content-Type"] = []string{value}
	if g.oneIn(8) {
		r.header.Add("Content-Type", "text/plain")
	}
	r.wrong = ""
}

// oddBody makes the body another one on the level of its bytes.
func (g *generator) oddBody(r *request) {
	r.wrong = ""
	if g.oneIn(15) {
		r.header.Set("Content-Encoding", "gzip")
	}
	r.body = pick(g, bodies)(g, r.body)
}

// bodies make a body from one that was fine.
var bodies = []func(*generator, []byte) []byte{
	func(*generator, []byte) []byte { return nil },
	func(g *generator, whole []byte) []byte { return whole[:g.IntN(len(whole)+1)] },
	func(_ *generator, whole []byte) []byte { return slices.Concat([]byte("\ufeff"), whole) },
	func(g *generator, whole []byte) []byte {
		return slices.Concat(whole, []byte(pick(g, []string{"x", "{}", "\x00", ",", "\n\n", "]", "//", "\n" + string(whole), "\r\n\r\n"})))
	},
	func(g *generator, whole []byte) []byte {
		at := g.IntN(len(whole) + 1)
		return slices.Concat(whole[:at], []byte(pick(g, []string{"\xff", "\xc0\x80", "\xed\xa0\x80", "\x00", "\u2028", "\\", "\"", "\r\n"})), whole[at:])
	},
	func(g *generator, whole []byte) []byte { // Halves of characters, and what JSON does not escape so.
		half := pick(g, []string{`\ud800`, `\udc00\ud800`, `\u0000`, `\x41`, `\ud83d\ude00`, `\`})
		return bytes.Replace(whole, []byte(`":"`), []byte(`":"`+half), 1)
	},
	func(_ *generator, whole []byte) []byte { return wide(whole) },
	func(_ *generator, whole []byte) []byte { return zipped(whole) },
	func(_ *generator, whole []byte) []byte { return bytes.ReplaceAll(whole, []byte(`"`), []byte(`'`)) },
	func(_ *generator, whole []byte) []byte {
		return slices.Concat(bytes.Repeat([]byte(" \n\t"), 1000), whole)
	},
	func(g *generator, _ []byte) []byte {
		return []byte(pick(g, []string{"null", "true", "0", `""`, "[]", "{}", "NaN", "'a'", "{a:1}", "01", "1e400", "-", "\n", " ", "[,]", "{,}", "/**/{}"}))
	},
	func(g *generator, whole []byte) []byte {
		if !g.oneIn(10) {
			return whole
		}
		part := pick(g, []string{" ", "[", `{"a":`, "1"})
		return bytes.Repeat([]byte(part), large/len(part))
	},
	(*generator).nested,
	(*generator).doubled,
	(*generator).otherNumbers,
}

// nested is JSON in JSON, with its ends or without.
func (g *generator) nested([]byte) []byte {
	open, shut := "[", "]"
	if g.oneIn(2) {
		open, shut = `{"a":`, "}"
	}
	return []byte(strings.Repeat(open, deep) + "1" + strings.Repeat(shut, deep*g.IntN(2)))
}

// wide is UTF-16 with its mark.
func wide(text []byte) []byte {
	units := utf16.Encode([]rune(string(text)))
	out := append(make([]byte, 0, 2+2*len(units)), 0xff, 0xfe)
	for _, u := range units {
		out = append(out, byte(u), byte(u>>8)) //nolint:gosec // The halves of 16 bits.
	}
	return out
}

func zipped(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text) // A buffer takes everything.
	_ = w.Close()
	return b.Bytes()
}

// doubled gives an object each of its members twice, with other values first.
func (g *generator) doubled(text []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || len(object) == 0 {
		return text
	}
	var b strings.Builder
	b.WriteString("{")
	for _, key := range sortedKeys(object) {
		b.WriteString(encode(key) + ":" + encode(g.anything(maxDepth)) + ",")
	}
	return append([]byte(b.String()), bytes.TrimLeft(text, "{ \t\r\n")...)
}

// otherNumbers puts an odd value in the place of one member.
func (g *generator) otherNumbers(text []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || len(object) == 0 {
		return text
	}
	object[pick(g, sortedKeys(object))] = json.RawMessage(pick(g, slices.Concat(someNumbers, beyond)))
	return []byte(encode(object))
}
