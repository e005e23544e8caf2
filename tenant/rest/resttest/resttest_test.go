package resttest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/tenant/rest/resttest"
)

const document = `
openapi: 3.0.3
info: {title: Notes, version: "1"}
paths:
  /notes:
    post:
      operationId: createNote
      security: []
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/NewNote"}}}
      responses:
        "201":
          description: made
          headers: {Location: {required: true, schema: {type: string}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Note"}}}
        "422": {description: invalid}
  /notes/{note_id}:
    get:
      operationId: getNote
      security: []
      parameters: [{name: note_id, in: path, required: true, schema: {type: string, format: uuid}}]
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Note"}}}}
        default: {description: "404, and what else goes wrong"}
components:
  schemas:
    NewNote: {type: object, additionalProperties: false, required: [text], properties: {text: {type: string, maxLength: 20}}}
    Note: {type: object, required: [id, text], properties: {id: {type: string, format: uuid}, text: {type: string}}}
`

// notes is an API that does what its document says, but for one flaw.
type notes struct {
	flaw string
	kept map[string]string
}

func (n *notes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		n.create(w, r)
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/notes/")
	text, found := n.kept[id]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch n.flaw {
	case "deep": // Only who asks for what was made gets here.
		w.WriteHeader(http.StatusInternalServerError)
	case "media":
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, text)
	default:
		answer(w, http.StatusOK, map[string]any{"id": id, "text": text})
	}
}

func (n *notes) create(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	text, ok := textOf(data)
	if !ok && n.flaw != "lenient" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(n.kept)+1)
	n.kept[id] = text
	if n.flaw != "header" {
		w.Header().Set("Location", "/notes/"+id)
	}
	body := map[string]any{"id": id, "text": text}
	switch {
	case n.flaw == "nul" && strings.ContainsRune(text, 0):
		w.WriteHeader(http.StatusInternalServerError)
		return
	case n.flaw == "undocumented" && text == "": // Its operation has no default.
		w.WriteHeader(http.StatusTeapot)
		return
	case n.flaw == "schema":
		body["text"] = nil
	case n.flaw == "panic":
		panic("boom")
	case n.flaw == "hang":
		<-r.Context().Done()
		return
	}
	answer(w, http.StatusCreated, body)
}

// textOf reads a body as strictly as the document does.
func textOf(data []byte) (string, bool) {
	var body map[string]any
	if json.Unmarshal(data, &body) != nil || len(body) != 1 {
		return "", false
	}
	text, ok := body["text"].(string)
	return text, ok && len([]rune(text)) <= 20
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB

	failures, log strings.Builder
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { fmt.Fprintf(&r.failures, f+"\n", a...) }
func (r *recorder) Logf(f string, a ...any)   { fmt.Fprintf(&r.log, f+"\n", a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func run(t *testing.T, flaw string) *recorder {
	t.Helper()
	return runWith(t, flaw, resttest.Options{})
}

func runWith(t *testing.T, flaw string, o resttest.Options) *recorder {
	t.Helper()
	o.Document, o.Requests, o.Seed = []byte(document), 300, 11
	if flaw == "hang" { // Of the others none is waited for: a busy machine takes its time.
		o.Timeout = 100 * time.Millisecond
	}
	r, done := &recorder{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		resttest.Fuzz(r, &notes{flaw: flaw, kept: map[string]string{}}, o)
	}()
	<-done
	return r
}

func TestFuzzFindsFlaws(t *testing.T) {
	t.Parallel()
	for flaw, want := range map[string][]string{
		"deep":         {"getNote: status 500", "curl -i -g --path-as-is -X GET", `"$API"'/notes/00000000-0000-4000-8000-`, "FUZZ_SEED=11 FUZZ_REQUESTS=300 repeats"},
		"nul":          {"createNote: status 500", `printf %b '{"text":`, `\\u0000`},
		"undocumented": {"status 418 is not among those of the operation"},
		"schema":       {"the body is not as documented", "/text"},
		"media":        {`200 is of the media type "text/plain", which is not documented`},
		"header":       {"201 lacks the header Location"},
		"lenient":      {"status 201, but the document does not allow the body"},
		"panic":        {"the connection was cut: panic: boom"},
		"hang":         {"no answer within 100ms, seed 11"},
	} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			r := run(t, flaw)
			for _, part := range want {
				if !strings.Contains(r.failures.String(), part) {
					t.Errorf("no %s in:\n%s", part, r.failures.String())
				}
			}
		})
	}
}

func TestFuzzLeavesAGoodAPIAlone(t *testing.T) {
	t.Parallel()
	r := run(t, "")
	if r.failures.Len() > 0 {
		t.Error(r.failures.String())
	}
	if log := r.log.String(); !strings.Contains(log, "2 operations, 60") || !strings.Contains(log, "never a success: none") {
		t.Error(log)
	}
}

func TestFuzzCanDemandNumbers(t *testing.T) {
	t.Parallel()
	r := runWith(t, "", resttest.Options{Numbered: true})
	if want := "getNote: status 404 is not among those of the operation"; !strings.Contains(r.failures.String(), want) {
		t.Errorf("no %s in:\n%s", want, r.failures.String())
	}
}
