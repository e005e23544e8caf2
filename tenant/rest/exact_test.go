package rest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oapi-codegen/runtime"
)

// A float64 would round the integers of free-form JSON from 2^53 on.
func TestFreeFormIntegersStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	type thing struct {
		Size   int64          `json:"size"`
		Weight float64        `json:"weight"`
		Extra  map[string]any `json:"extra"`
		Any    any            `json:"any"`
	}
	var got thing
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		got = thing{}
		if err := runtime.BindJSONBody(r, &got); err != nil {
			t.Error(err)
		}
	})
	const extra = `{"a":9007199254740993,"b":{"c":[-9223372036854775808,18446744073709551615,1,0.5,"9007199254740993"]}}`
	w := s.do(t, "POST", "/things", `{"name":"x","owner":"`+someID+`","size":9007199254740993,"weight":9007199254740993,"extra":`+extra+`,"any":`+extra+`}`)
	if w.Code != http.StatusOK || got.Size != 9007199254740993 || got.Weight != 9007199254740992 {
		t.Fatalf("%d %s, %+v", w.Code, w.Body, got)
	}
	for _, v := range []any{got.Extra, got.Any} {
		if text, err := json.Marshal(v); err != nil || string(text) != extra {
			t.Errorf("%s, %v", text, err)
		}
	}
	if w := s.do(t, "POST", "/things", `{"name":"x","owner":"`+someID+`","any":1,"Size":"other case","size":2}`); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.do(t, "POST", "/things", `{"name":"x","owner":"`+someID+`","any":1}`)
	if diff := cmp.Diff(thing{Size: 7, Any: 1.0}, got); diff != "" {
		t.Error(diff)
	}
}
