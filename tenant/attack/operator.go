package attack

import "context"

// operatorPaths are those of package tenant/operator, and what others call them.
var operatorPaths = []string{"/v1/tenants", "/v1/audit", "/v1/doctor", "/metrics", "/debug/pprof/", "/debug/vars", "/admin", "/operator/v1/tenants"}

// operator is attack 42: a tenant's token is nothing to an operator's endpoint,
// and the tenants' own listener has none.
func (c *campaign) operator(ctx context.Context) error {
	paths := c.OperatorPaths
	if len(paths) == 0 {
		paths = operatorPaths
	}
	for _, path := range paths {
		r := request{path: path, host: c.A.Host, token: c.A.Token}
		got := c.send(ctx, r)
		if c.doc.list(path) == nil {
			c.judge(42, "an operator's endpoint on the tenants' listener", r.String(), got.String(), got.is(401, 403, 404, 405), "404")
		}
		if c.OperatorURL == "" {
			continue
		}
		for _, who := range []struct{ name, token string }{{"A's token", c.A.Token}, {"no token", ""}, {"B's token", c.B.Token}, {"B's API key", c.B.Key}, {"garbage", "x.y.z"}} {
			r := request{path: path, token: who.token}
			got := c.sendTo(ctx, c.OperatorURL, r)
			c.judge(42, "an operator's endpoint with "+who.name, r.String(), got.String(), got.is(401, 403, 404, 405), "401 or 403")
		}
	}
	if c.OperatorURL == "" {
		c.skip(42, "an operator's endpoint with a tenant's token", "needs the operator's listener: Target.OperatorURL")
	}
	return nil
}
