package attack

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/bailiwick-dev/bailiwick/tenant/operator"
)

// otherPaths are what else listeners for those who run a service have.
var otherPaths = []string{"/metrics", "/debug/pprof/", "/debug/vars", "/admin", "/operator/v1/tenants"}

// operator is attack 42: a tenant's token is nothing to an operator's endpoint, of
// which the tenants' own listener has none, and an operator's key is nothing there.
func (c *campaign) operator(ctx context.Context) error {
	doc, err := readDocument(operator.OpenAPI)
	if err != nil {
		return err
	}
	calls := make([]request, 0, len(doc.operations)+len(otherPaths))
	for _, op := range doc.operations {
		calls = append(calls, op.call("", ""))
	}
	for _, path := range otherPaths {
		calls = append(calls, request{method: http.MethodGet, path: path})
	}
	for _, r := range calls {
		if r.host, r.token = c.A.Host, c.A.Token; c.doc.list(r.path) == nil {
			got := c.send(ctx, r)
			c.judge(42, "an operator's endpoint on the tenants' listener", r.String(), got.String(), got.is(401, 403, 404, 405), "404")
		}
		if c.OperatorURL != "" {
			c.asNobody(ctx, r)
		}
	}
	if c.OperatorURL == "" {
		c.skip(42, "an operator's endpoint with a tenant's token", "needs the operator's listener: Target.OperatorURL")
		return nil
	}
	c.operatorKey(ctx)
	return nil
}

// asNobody sends a request to the operator's listener with what is good elsewhere.
func (c *campaign) asNobody(ctx context.Context, r request) {
	r.host = ""
	for _, who := range []struct{ name, token string }{
		{"no token", ""}, {"A's token", c.A.Token}, {"B's token", c.B.Token}, {"B's API key", c.B.Key}, {"garbage", "x.y.z"},
	} {
		if r.token = who.token; who.token == "" && who.name != "no token" {
			continue
		}
		got := c.sendTo(ctx, c.OperatorURL, r)
		c.judge(42, "an operator's endpoint with "+who.name, r.String(), got.String(), got.is(401, 403, 404, 405), "401 or 403")
	}
}

// operatorKey shows an operator's key to the tenants' API.
func (c *campaign) operatorKey(ctx context.Context) {
	const name = "an operator's key at the tenants' API"
	if c.OperatorKey == "" {
		c.skip(42, name, needsOperator)
		return
	}
	c.refused(ctx, 42, name, c.A.Host, c.OperatorKey)
}

const needsOperator = "needs the operator's listener and a key for it: Target.OperatorURL and Target.OperatorKey"

// operate sends a request as an operator.
func (c *campaign) operate(ctx context.Context, method, path, body string) answer {
	r := request{method: method, path: path, token: c.OperatorKey, body: body, header: http.Header{}}
	if body != "" {
		r.header.Set("Content-Type", "application/json")
	}
	return c.sendTo(ctx, c.OperatorURL, r)
}

// field is a property of an answer that is an object, where that is a text.
func (a answer) field(name string) string {
	text, _ := a.property(name).(string)
	return text
}

// property is one of an answer that is an object.
func (a answer) property(name string) any {
	var object map[string]any
	if json.Unmarshal([]byte(a.body), &object) != nil {
		return nil
	}
	return object[name]
}
