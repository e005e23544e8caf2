package attack_test

// ofCredentials are mutations of who is let in, and to do what.
func ofCredentials() []mutation {
	return []mutation{
		{
			name: "a token's signature is not verified", unsafe: []int{5}, brief: true,
			edits: []edit{{
				"tenant/identity/candidates.go",
				"token.Claims(key.Key, claims...) == nil {",
				"token.UnsafeClaimsWithoutVerification(claims...) == nil {",
			}},
		},
		{
			name: "a token for another audience is taken", unsafe: []int{5},
			edits: []edit{{
				"tenant/identity/tokens.go",
				" && said.Audience.Contains(t.config.Audience) {",
				" {",
			}},
		},
		{
			name: "an expired token is taken", unsafe: []int{5},
			edits: []edit{{
				"tenant/identity/tokens.go",
				"if standard.Expiry == nil || standard.ValidateWithLeeway(jwt.Expected{Time: time.Now()}, t.config.Skew) != nil {",
				"if standard.Expiry == nil {",
			}},
		},
		{
			name: "who shows no token is let in without one", unsafe: []int{5},
			edits: []edit{{
				"tenant/service/identity.go",
				"	if !op.Secured {\n		return id.open(",
				"	if !op.Secured || r.Header.Get(\"Authorization\") == \"\" {\n		return id.open(",
			}},
		},
		{
			name: "an API key's secret is not compared", unsafe: []int{5},
			edits: []edit{{
				"tenant/service/credentials.go",
				"case !key.Matches(c.keys, stored.Hash):",
				"case false:",
			}},
		},
		{
			name: "a revoked API key is found", unsafe: []int{6},
			edits: []edit{{
				"gen/tenantdb/internal/sqlcgen/access.sql.go",
				"  AND k.revoked_at IS NULL\n  AND (k.expires_at",
				"  AND (k.expires_at",
			}},
		},
		{
			name: "who was a member once is one", unsafe: []int{6},
			edits: []edit{{
				"tenant/service/credentials.go",
				"	member, err := c.members.Member(ctx, q, who.Subject)\n",
				`	kept, found := remembered.Load(who.Tenant.String() + who.Subject)
	member, _ := kept.(identity.Member)
	if !found {
		if member, err = c.members.Member(ctx, q, who.Subject); err == nil {
			remembered.Store(who.Tenant.String()+who.Subject, member)
		}
	}
`,
			}, {
				"tenant/service/credentials.go",
				"const keyUseEvery = time.Minute\n",
				"const keyUseEvery = time.Minute\n\nvar remembered sync.Map\n",
			}, {
				"tenant/service/credentials.go",
				"	\"strings\"\n",
				"	\"strings\"\n	\"sync\"\n",
			}},
		},
		{
			name: "the member's permissions are not held against the operation's", unsafe: []int{6},
			edits: []edit{{
				"tenant/rest/scopes.go",
				"	if len(op.Scopes) == 0 {\n",
				"	if len(op.Scopes) >= 0 {\n",
			}},
		},
		{
			name: "credentials from before an offboarding are good again", unsafe: []int{32},
			edits: []edit{{
				"tenant/service/credentials.go",
				"return !route.NotBefore.IsZero() && made.Before(route.NotBefore)",
				"return false",
			}},
		},
		{
			name: "anybody may operate", unsafe: []int{42}, brief: true,
			edits: []edit{{
				"tenant/operator/operator.go",
				`		if name == "" {`,
				`		if false {`,
			}},
		},
	}
}
