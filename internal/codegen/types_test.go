package codegen_test

import (
	"bytes"
	stdcmp "cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	mixed "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/types-mixed/gen/handlers"
	overridden "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/types-overrides/gen/handlers"
	plain "github.com/bailiwick-dev/bailiwick/internal/codegen/testdata/golden/types/gen/handlers"
	"github.com/bailiwick-dev/bailiwick/tenant"
	"github.com/bailiwick-dev/bailiwick/tenant/rest"
)

// sample is a value of each column that must have one.
const sample = `{
	"c_smallint": 1, "c_integer": 2, "c_bigint": 3, "c_text": "text", "c_varchar": "varchar", "c_citext": "citext",
	"c_bool": true, "c_numeric": "1.5000000000", "c_real": 0.5, "c_double": 0.25,
	"c_uuid": "0190a6c0-0000-7000-8000-000000000001", "c_date": "2026-02-28", "c_time": "12:34:56",
	"c_timestamptz": "2026-02-28T12:34:56.789012Z", "c_timestamp": "2026-02-28T12:34:56Z", "c_interval": "P1DT2H",
	"c_bytea": "AAECAw==", "c_json": {"a": 1}, "c_jsonb": {"b": [1, 2]}, "c_free": "free",
	"c_enum": "happy", "c_composite": "(1,2)", "c_inet": "10.0.0.1",
	"a_smallint": [], "a_integer": [], "a_bigint": [], "a_text": [], "a_bool": [], "a_numeric": [], "a_double": [],
	"a_uuid": [], "a_date": [], "a_timestamptz": [], "a_enum": [], "a_varchar": []
}`

// roundTrips are values of single columns: what is sent, and what comes back
// (the same if empty). A status other than 201 means that the value is refused.
var roundTrips = []struct {
	column, send, want string
	status             int
}{
	{column: "smallint", send: `32767`},
	{column: "smallint", send: `-32768`},
	{column: "smallint", send: `32768`, status: 422},
	{column: "integer", send: `2147483647`},
	{column: "integer", send: `2147483648`, status: 422},
	{column: "bigint", send: `9007199254740993`},
	{column: "bigint", send: `-9223372036854775808`},
	{column: "bigint", send: `9223372036854775807`},
	{column: "text", send: `""`},
	{column: "text", send: `"'; DROP TABLE samples; --  \u00e4\ud83d\ude00"`},
	{column: "varchar", send: `"forty"`},
	{column: "citext", send: `"MiXed"`},
	{column: "bool", send: `false`},
	{column: "numeric", send: `"12345678901234567890.1234567890"`},
	{column: "numeric", send: `"-0.0000000001"`},
	{column: "numeric", send: `"1e5"`, want: `"100000.0000000000"`},
	{column: "numeric", send: `"NaN"`, status: 422},
	{column: "real", send: `0.1`},
	{column: "real", send: `-3.4e38`, want: `-3.4e+38`},
	{column: "double", send: `0.1`},
	{column: "double", send: `123456789.12345678`},
	{column: "uuid", send: `"ffffffff-ffff-4fff-bfff-ffffffffffff"`},
	{column: "uuid", send: `"no"`, status: 422},
	{column: "date", send: `"0001-01-01"`},
	{column: "date", send: `"2024-02-29"`},
	{column: "date", send: `"2023-02-29"`, status: 400},
	{column: "time", send: `"00:00:00.000001"`},
	{column: "time", send: `"23:59:59.999999"`},
	{column: "time", send: `"25:00:00"`, status: 422},
	{column: "timestamptz", send: `"2026-03-29T01:30:00+02:00"`, want: `"2026-03-28T23:30:00Z"`},
	{column: "timestamp", send: `"2026-03-29T01:30:00.5+02:00"`, want: `"2026-03-28T23:30:00.5Z"`},
	{column: "interval", send: `"P1Y2M3DT4H5M6.789S"`},
	{column: "interval", send: `"-P1M"`, want: `"P-1M"`},
	{column: "interval", send: `"P1W"`, want: `"P7D"`},
	{column: "interval", send: `"PT-0.000001S"`},
	{column: "interval", send: `"PT0S"`},
	{column: "interval", send: `"tomorrow"`, status: 422},
	{column: "bytea", send: `""`},
	{column: "bytea", send: `"//79"`},
	{column: "json", send: `{"deep": {"er": [null, true, 1.5, "x"]}}`},
	{column: "jsonb", send: `{}`},
	{column: "free", send: `[1, "two", null]`},
	{column: "free", send: `42`},
	{column: "enum", send: `"so-so"`},
	{column: "enum", send: `"angry"`, status: 422},
	{column: "composite", send: `"(-5,)"`},
	{column: "composite", send: `"nonsense"`, status: 422},
	{column: "inet", send: `"::1"`},
	{column: "inet", send: `"example.com"`, status: 422},
}

// arrays are values of arrays, of columns a_ and m_.
var arrays = map[string]string{
	"smallint": `[1, -1]`, "integer": `[2147483647]`, "bigint": `[9007199254740993]`, "text": `["a", "", "c,\"d"]`,
	"bool": `[true, false]`, "numeric": `["1.0000000000", "-2.5000000000"]`, "double": `[0.1, 2]`,
	"uuid": `["0190a6c0-0000-7000-8000-000000000001"]`, "date": `["2026-01-01", "1999-12-31"]`,
	"timestamptz": `["2026-01-01T00:00:00Z"]`, "enum": `["sad", "so-so"]`, "varchar": `["x"]`,
}

// TestTypes sends a value of each type through HTTP to PostgreSQL and back.
func TestTypes(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(*tenant.DB, rest.Options) (http.Handler, error){
		"types": func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return plain.New(plain.Config{DB: db, Options: o})
		},
		"types-mixed": func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return mixed.New(mixed.Config{DB: db, Options: o})
		},
		"types-overrides": func(db *tenant.DB, o rest.Options) (http.Handler, error) {
			return overridden.New(overridden.Config{DB: db, Options: o})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, name, "", build)
			t.Run("all absent or null", func(t *testing.T) {
				t.Parallel()
				want := object(t, sample)
				got := server.roundTrip(t, want, http.StatusCreated)
				for column := range object(t, sample) {
					if nullable := "n" + column[1:]; column[0] == 'c' {
						want[nullable] = json.RawMessage("null")
					} else {
						want["m"+column[1:]] = json.RawMessage("null")
					}
				}
				if diff := cmp.Diff(plainJSON(t, want), plainJSON(t, got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
			for _, trip := range roundTrips {
				server.column(t, "c_"+trip.column, trip.send, trip.want, trip.status)
				server.column(t, "n_"+trip.column, trip.send, trip.want, trip.status)
			}
			for column, value := range arrays {
				server.column(t, "a_"+column, value, "", 0)
				server.column(t, "m_"+column, value, "", 0)
				server.column(t, "m_"+column, "[]", "", 0)
				server.column(t, "m_"+column, "null", "", 0)
			}
		})
	}
}

// api is a server under test.
type api struct{ url, contentType string }

// with sends bodies of another media type.
func (s api) with(contentType string) api { return api{s.url, contentType} }

// column sends the sample with one other value.
func (s api) column(t *testing.T, column, send, want string, status int) {
	t.Helper()
	t.Run(column+"="+send, func(t *testing.T) {
		t.Parallel()
		if status == 0 {
			status = http.StatusCreated
		}
		if want == "" {
			want = send
		}
		body := object(t, sample)
		body[column] = json.RawMessage(send)
		got := s.roundTrip(t, body, status)
		if status != http.StatusCreated {
			return
		}
		if diff := cmp.Diff(canonical(t, []byte(want)), canonical(t, got[column])); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// roundTrip stores a sample, reads it back, and gives it without its id.
func (s api) roundTrip(t *testing.T, body map[string]json.RawMessage, status int) map[string]json.RawMessage {
	t.Helper()
	data, err := json.Marshal(body)
	check(t, err)
	stored := s.call(t, http.MethodPost, "/samples", bytes.NewReader(data), status)
	if status != http.StatusCreated {
		return nil
	}
	created := object(t, stored)
	read := object(t, s.call(t, http.MethodGet, "/samples/"+string(created["id"]), nil, http.StatusOK))
	if diff := cmp.Diff(plainJSON(t, created), plainJSON(t, read)); diff != "" {
		t.Errorf("what was stored is read differently (-stored +read):\n%s", diff)
	}
	delete(read, "id")
	return read
}

func (s api) call(t *testing.T, method, path string, body io.Reader, status int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	check(t, err)
	request.Header.Set("Content-Type", stdcmp.Or(s.contentType, "application/json"))
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	data, err := io.ReadAll(response.Body)
	check(t, err)
	check(t, response.Body.Close())
	if response.StatusCode != status {
		t.Fatalf("%s %s: status %d instead of %d: %s", method, path, response.StatusCode, status, data)
	}
	return string(data)
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	check(t, json.Unmarshal(data, v))
}

func object(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	out := map[string]json.RawMessage{}
	check(t, json.Unmarshal([]byte(text), &out))
	return out
}

// canonical writes JSON without spaces, with its numbers as they were.
func canonical(t *testing.T, data []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	out, err := json.Marshal(v)
	check(t, err)
	return strings.TrimSpace(string(out))
}

func plainJSON(t *testing.T, values map[string]json.RawMessage) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name := range maps.Keys(values) {
		out[name] = canonical(t, values[name])
	}
	return out
}
