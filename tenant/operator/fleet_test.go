package operator_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, healthy := a.want(t, 200, "GET", "/v1/doctor", "")
	if _, ok := healthy["items"].([]any); !ok { // Roles of other tests' tenants may be among them.
		t.Errorf("%v", healthy)
	}
	_, nothing := a.want(t, 200, "POST", "/v1/doctor/mend", `{"kinds":["no-grants"]}`)
	if diff := cmp.Diff(map[string]any{"mended": []any{}, "left": []any{}}, nothing); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
