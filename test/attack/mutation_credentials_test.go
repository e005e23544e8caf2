package attack_test

// ofCredentials are mutations of who is let in, and to do what.
func ofCredentials() []mutation {
	return []mutation{
		{
			name: "a token's signature is not verified", unsafe: []int{5}, brief: true,
			edits: []edit{{
				"tenant/identity/tokens.go",
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
			name: "operations do not want what the document says they do", unsafe: []int{5},
			edits: []edit{{
				"tenant/rest/scopes.go",
				"op.Secured = len(demands) > 0 && !optional",
				"op.Secured = false && optional",
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
				"gen/tenantdb/internal/sqlcgen/users.sql.go",
				"FROM members WHERE lower(email) = lower($1) AND active\n",
				"FROM members WHERE lower(email) = lower($1)\n",
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
