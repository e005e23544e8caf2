package rest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

const streams = `
openapi: 3.0.3
info: {title: Streams, version: "1"}
paths:
  /lines:
    get:
      operationId: getLines
      security: []
      responses: {"200": {description: ok, content: {application/x-ndjson: {schema: {type: string, format: binary}}}}}
    post:
      operationId: putLines
      security: []
      x-max-body: 1073741824
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: "#/components/schemas/Line"}}
          application/x-ndjson: {schema: {type: string, format: binary}, x-item-schema: {$ref: "#/components/schemas/Line"}}
      responses: {"200": {description: ok}}
  /small:
    post:
      operationId: putSmall
      security: []
      x-max-body: 10
      requestBody:
        content: {application/octet-stream: {schema: {type: string, format: binary}}}
      responses: {"200": {description: ok}}
components:
  schemas:
    Line:
      type: object
      required: [uid]
      additionalProperties: false
      properties:
        uid: {type: string, minLength: 1}
        size: {type: integer, format: int64, default: 7}
        small: {type: integer, format: int32}
        weight: {type: string, format: decimal}
        extra: {type: object}
`

type line struct {
	UID    string         `json:"uid"`
	Size   int64          `json:"size"`
	Small  int32          `json:"small"`
	Weight string         `json:"weight"`
	Extra  map[string]any `json:"extra"`
}

// gather reads the lines of a request, and answers an error or the number of lines.
func gather(got *[]line) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for item, err := range rest.Lines[line](r.Context(), r.Body) {
			if err != nil {
				rest.WriteError(w, r, err)
				return
			}
			*got = append(*got, item)
		}
	}
}

func wrap(t testing.TB, next http.HandlerFunc) http.Handler {
	t.Helper()
	h, err := rest.Wrap(load(t, streams), rest.Options{Logger: quiet}, next)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func post(t testing.TB, h http.Handler, path, media string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, body)
	r.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const ndjson = "application/x-ndjson"

// TestLines validates each line, applies defaults and keeps integers exact.
func TestLines(t *testing.T) {
	t.Parallel()
	var got []line
	h := wrap(t, gather(&got))
	body := `{"uid": "a"}` + "\n" +
		`{"uid": "ä", "size": 9007199254740993, "extra": {"n": 9007199254740993}, "weight": "0.10"}` + "\r\n" +
		` {"uid": "last, without an end", "small": 3} `
	if w := post(t, h, "/lines", ndjson+"; charset=utf-8", strings.NewReader(body)); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := []line{
		{UID: "a", Size: 7},
		{UID: "ä", Size: 9007199254740993, Extra: map[string]any{"n": int64(9007199254740993)}, Weight: "0.10"},
		{UID: "last, without an end", Size: 7, Small: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = nil
	if w := post(t, h, "/lines", ndjson, strings.NewReader("")); w.Code != http.StatusOK || got != nil {
		t.Errorf("no lines: %d %v", w.Code, got)
	}
	if w := post(t, h, "/lines", "application/json", strings.NewReader(`{"size": 1}`)); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("JSON is not validated: %d", w.Code)
	}
	for _, media := range []string{"text/plain", ""} {
		if w := post(t, h, "/lines", media, strings.NewReader(body)); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %d", media, w.Code)
		}
	}
	if w := post(t, h, "/lines", ndjson+"; charset=latin1", strings.NewReader(body)); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("another character set: %d", w.Code)
	}
}

// TestLineErrors name the line, all that are wrong at once.
func TestLineErrors(t *testing.T) {
	t.Parallel()
	const good = `{"uid": "a"}`
	many := strings.Repeat("{}\n", 30)
	first20 := make([]rest.FieldError, 20)
	for i := range first20 {
		first20[i] = rest.FieldError{In: "body", Pointer: "/uid", Detail: fmt.Sprintf(`line %d: property "uid" is missing`, i+1)}
	}
	for name, c := range map[string]struct {
		body   string
		status int
		want   []rest.FieldError
	}{
		"schema": {good + "\n" + `{"uid": "", "size": "mallory"}` + "\n" + good + "\n{}\n", 422, []rest.FieldError{
			{In: "body", Pointer: "/size", Detail: "line 2: value must be an integer"},
			{In: "body", Pointer: "/uid", Detail: "line 2: minimum string length is 1"},
			{In: "body", Pointer: "/uid", Detail: `line 4: property "uid" is missing`},
		}},
		"range":         {`{"uid": "a", "small": 2147483648}`, 422, []rest.FieldError{{In: "body", Pointer: "/small", Detail: `line 1: integer doesn't match the format "int32" (value should be between -2147483648 and 2147483647)`}}},
		"not JSON":      {"{}\n" + good + "\n{\n", 400, []rest.FieldError{{In: "body", Pointer: "/uid", Detail: `line 1: property "uid" is missing`}, {In: "body", Detail: "line 3: is not JSON, see byte 1"}}},
		"two values":    {good + good, 400, []rest.FieldError{{In: "body", Detail: "line 1: is not JSON, see byte 13"}}},
		"not UTF-8":     {`{"uid": "` + "\xff" + `"}`, 400, []rest.FieldError{{In: "body", Detail: "line 1: is not UTF-8"}}},
		"blank":         {good + "\n\n" + good, 400, []rest.FieldError{{In: "body", Detail: "line 2: is blank"}}},
		"no object":     {"[]\n", 422, []rest.FieldError{{In: "body", Detail: "line 1: value must be an object"}}},
		"the first 20":  {many, 422, first20},
		"too long":      {good + "\n" + `{"uid": "` + strings.Repeat("x", 1<<20) + `"}`, 413, []rest.FieldError{{In: "body", Detail: "line 2: is longer than 1048576 bytes"}}},
		"without end":   {strings.Repeat("x", 1<<20+1), 413, []rest.FieldError{{In: "body", Detail: "line 1: is longer than 1048576 bytes"}}},
		"a byte longer": {good + strings.Repeat(" ", 1<<20+1-len(good)) + "\n", 413, []rest.FieldError{{In: "body", Detail: "line 1: is longer than 1048576 bytes"}}},
	} {
		var got []line
		w := post(t, wrap(t, gather(&got)), "/lines", ndjson, strings.NewReader(c.body))
		p := problem(t, w)
		if diff := cmp.Diff(c.want, p.Errors); w.Code != c.status || diff != "" {
			t.Errorf("%s: %d, want %d\n%s", name, w.Code, c.status, diff)
		}
		if strings.Contains(w.Body.String(), "mallory") {
			t.Errorf("%s: the value is echoed: %s", name, w.Body)
		}
	}
	var got []line
	exactly := good + strings.Repeat(" ", 1<<20-len(good)) + "\n"
	if w := post(t, wrap(t, gather(&got)), "/lines", ndjson, strings.NewReader(exactly)); w.Code != http.StatusOK {
		t.Errorf("a line of 1 MiB: %d %s", w.Code, w.Body)
	}
}

// breaking is a body that ends in an error.
type breaking struct {
	io.Reader

	err error
}

func (b breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

// TestBrokenLines never hands out half a line.
func TestBrokenLines(t *testing.T) {
	t.Parallel()
	var got []int
	var failed error
	for n, err := range rest.Lines[int](t.Context(), breaking{strings.NewReader("1\n234"), io.ErrUnexpectedEOF}) {
		if err != nil {
			failed = err
			break
		}
		got = append(got, n)
	}
	p, _ := rest.ProblemOf(failed)
	want := []rest.FieldError{{In: "body", Detail: "line 2: can't be read to its end"}}
	if diff := cmp.Diff(want, p.Errors); p.Status != http.StatusBadRequest || diff != "" || !errors.Is(failed, io.ErrUnexpectedEOF) || !cmp.Equal(got, []int{1}) {
		t.Errorf("%v, %v: %s", got, failed, diff)
	}
	for n, err := range rest.Lines[int](t.Context(), strings.NewReader("1\n2")) {
		if n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		break // The handler may stop.
	}
	for _, err := range rest.Lines[int](t.Context(), strings.NewReader(`"text"`)) {
		if p, _ := rest.ProblemOf(err); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%v", err)
		}
	}
}

// TestMaxBody is per operation, for bodies whose length is told and others.
func TestMaxBody(t *testing.T) {
	t.Parallel()
	h := wrap(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			rest.WriteError(w, r, err)
		}
	})
	const media = "application/octet-stream"
	if w := post(t, h, "/small", media, strings.NewReader("0123456789")); w.Code != http.StatusOK {
		t.Errorf("at the limit: %d", w.Code)
	}
	for _, body := range []io.Reader{strings.NewReader("0123456789a"), io.MultiReader(strings.NewReader("0123456789a"))} {
		if w := post(t, h, "/small", media, body); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("above it: %d", w.Code)
		}
	}
	if w := post(t, h, "/lines", ndjson, strings.NewReader(strings.Repeat("x", 2*rest.DefaultMaxBody))); w.Code != http.StatusOK {
		t.Errorf("beyond the default: %d", w.Code)
	}
}

// TestStreamedDocuments that can't be served are refused.
func TestStreamedDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ operation, want string }{
		"item schema": {`requestBody: {content: {application/x-ndjson: {schema: {type: string, format: binary}, x-item-schema: {type: object}}}}`, "x-item-schema"},
		"unknown":     {`requestBody: {content: {application/x-ndjson: {schema: {type: string, format: binary}, x-item-schema: {$ref: "#/components/schemas/None"}}}}`, "x-item-schema"},
		"limit":       {`x-max-body: 0, requestBody: {content: {application/json: {schema: {}}}}`, "x-max-body 0"},
		"no number":   {`x-max-body: 1 MiB, requestBody: {content: {application/json: {schema: {}}}}`, "x-max-body 1 MiB"},
	} {
		doc := load(t, `{openapi: 3.0.3, info: {title: x, version: "1"}, paths: {/a: {post: {operationId: a, security: [], responses: {"200": {description: ok}}, `+c.operation+`}}}}`)
		if _, err := rest.Wrap(doc, rest.Options{}, http.NotFoundHandler()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLines reads any body without failing: values, and then one error at most.
func FuzzLines(f *testing.F) {
	for _, text := range []string{"", "{\"uid\": \"a\"}\n{}", "\n", "\xff\n1", "{\"uid\": \"a\", \"size\": 1e400}", "[[[", "{\"uid\":\"\\ud800\"}"} {
		f.Add(text)
	}
	h := wrap(f, func(w http.ResponseWriter, r *http.Request) {
		lines, failed := 0, false
		for item, err := range rest.Lines[line](r.Context(), r.Body) {
			switch {
			case failed:
				f.Error("something follows an error")
			case err != nil:
				failed = true
				rest.WriteError(w, r, err)
			case item.UID == "":
				f.Error("a line is not valid")
			default:
				lines++
			}
		}
		if err := json.NewEncoder(w).Encode(lines); err != nil && !failed {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, text string) {
		w := post(t, h, "/lines", ndjson, strings.NewReader(text))
		switch w.Code {
		case http.StatusOK:
			if lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; text != "" && strings.TrimSpace(w.Body.String()) != fmt.Sprint(lines) {
				t.Errorf("%q: %s lines instead of %d", text, w.Body, lines)
			}
		case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("%q: %d %s", text, w.Code, w.Body)
		}
	})
}
