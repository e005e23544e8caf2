package attack_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/tenant/attack"
)

const notes = `
openapi: 3.0.3
info: {title: Notes, version: 1.0.0}
security: [{bearer: []}]
paths:
  /notes:
    get: {responses: {'200': {description: all}}}
  /notes/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string, format: uuid}}]
      responses: {'200': {description: one}}
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
`

const (
	idA = "5e3cad57-b4fc-4728-b594-14d604165a65"
	idB = "d48ad065-6840-402a-8e9c-ea830526d6cc"
)

// careless believes the token for whose notes to list, and asks nobody whose a note is.
func careless(w http.ResponseWriter, r *http.Request) {
	of := map[string]string{"Bearer a": idA, "Bearer b": idB}[r.Header.Get("Authorization")]
	w.Header().Set("Content-Type", "application/json")
	switch {
	case of == "":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/openapi.yaml":
		_, _ = w.Write([]byte(notes))
	case r.URL.Path == "/notes":
		_, _ = w.Write([]byte(`{"items": [{"id": "` + of + `"}]}`))
	case strings.HasSuffix(r.URL.Path, idA), strings.HasSuffix(r.URL.Path, idB):
		_, _ = w.Write([]byte(`{"id": "` + r.URL.Path[len("/notes/"):] + `"}`))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func parties(url string) attack.Target {
	return attack.Target{
		URL: url, Document: []byte(notes),
		A: attack.Party{Host: "acme.example", Token: "a"}, B: attack.Party{Host: "globex.example", Token: "b"},
	}
}

func TestACarelessServiceIsUnsafe(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(careless))
	defer s.Close()
	report, err := attack.Run(t.Context(), parties(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for _, r := range report.Unsafe() {
		found[r.Attack] = true
	}
	for _, number := range []int{1, 2, 3, 4, 26} {
		if !found[number] {
			t.Errorf("attack %d was not found", number)
		}
	}
	var table bytes.Buffer
	if err := report.Write(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"an id of B's at A", "UNSAFE", "safe is: the answer to an absent id, 404", "not tried", "needs the runtime role's connection string"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	for number := range 44 {
		if number > 0 && !strings.Contains("\n"+table.String(), "\n"+strconv.Itoa(number)+" ") {
			t.Errorf("the table says nothing of attack %d", number)
		}
	}
}

func TestTargetsThatCannotBeAttacked(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(careless))
	defer s.Close()
	for name, c := range map[string]struct {
		change func(*attack.Target)
		want   string
	}{
		"no token":     {func(t *attack.Target) { t.B.Token = "" }, "the target has no Target.B.Token"},
		"no attack":    {func(t *attack.Target) { t.Only = []int{4, 99} }, "there is no attack 99"},
		"no URL":       {func(t *attack.Target) { t.URL = "localhost" }, "is no URL with a host"},
		"bad document": {func(t *attack.Target) { t.Document = []byte("x: y") }, "the document has no operations"},
		"no answer":    {func(t *attack.Target) { t.URL = "http://127.0.0.1:1" }, "http://127.0.0.1:1 can't be reached"},
		"bad tokens":   {func(t *attack.Target) { t.A.Token = "x" }, "Target.A.Token at acme.example with 401 Unauthorized"},
		"one token":    {func(t *attack.Target) { t.B.Token = "a" }, "Target.A.Token and Target.B.Token are one token"},
		"one host":     {func(t *attack.Target) { t.B.Host = "ACME.example.:80" }, "are one host"},
		"one to spare": {func(t *attack.Target) { t.Spare.Host = "globex.example" }, "Target.Spare.Host and Target.B.Host are one host"},
		"no key":       {func(t *attack.Target) { t.A.RevokedKey = "garbage" }, "Target.A.RevokedKey has not the form of an API key"},
		"B's token":    {func(t *attack.Target) { t.B.Key = "b" }, "Target.B.Key has not the form of an API key"},
		"one listener": {func(t *attack.Target) { t.OperatorURL = t.URL }, "the tenants' own listener"},
		"no operator":  {func(t *attack.Target) { t.OperatorURL = "http://127.0.0.1:1" }, "the operator's listener, Target.OperatorURL, can't be reached"},
		"no role":      {func(t *attack.Target) { t.RuntimeURL = "s3cret" }, "Target.RuntimeURL can't be read"},
		"no owner":     {func(t *attack.Target) { t.OwnerURL = "s3cret" }, "Target.OwnerURL can't be read"},
		"no log":       {func(t *attack.Target) { t.Log = func() ([]byte, error) { return nil, errors.New("gone") } }, "Target.Log: gone"},
		"no time":      {func(t *attack.Target) { t.Timeout = -1 }, "a request needs some time"},
		"no database":  {func(t *attack.Target) { t.RuntimeURL = "postgres://u:s3cret@127.0.0.1:1/x" }, "connect as the runtime role"},
	} {
		target := parties(s.URL)
		c.change(&target)
		_, err := attack.Run(t.Context(), target)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
