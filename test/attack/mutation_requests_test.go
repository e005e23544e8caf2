package attack_test

// ofRequests are mutations of how a request finds its tenant.
func ofRequests() []mutation {
	return []mutation{
		{
			name: "anybody may say by X-Forwarded-Host where a request goes", unsafe: []int{1},
			edits: []edit{{
				"tenant/resolve.go",
				"if len(values) == 0 || !p.Sent(r) {",
				"if len(values) == 0 {",
			}},
		},
		{
			name: "the search_path of requests has public in it", unsafe: []int{12},
			edits: []edit{{
				"tenant/db.go",
				`[]byte(QuoteIdent(schema) + ", pg_temp")`,
				`[]byte(QuoteIdent(schema) + ", public, pg_temp")`,
			}},
		},
		{
			name: "a target in absolute form has the say over the Host header", unsafe: []int{1},
			edits: []edit{{
				"tenant/resolve.go",
				`if r.URL.Host != "" || r.URL.Scheme != "" {`,
				`if false {`,
			}},
		},
		{
			name: "what begins like a tenant's host is taken for it", unsafe: []int{2},
			edits: []edit{{
				"tenant/resolve.go",
				"label, below := strings.CutSuffix(host, suffix)",
				"label, _, below := strings.Cut(host, suffix)",
			}},
		},
		{
			name: "a client's X-Tenant names the tenant", unsafe: []int{3},
			edits: []edit{{
				"tenant/service/routing.go",
				"	names, err := tenant.Names(r, ro.named...)\n",
				`	if slug := r.Header.Get("X-Tenant"); slug != "" {
		return []tenant.Name{{Slug: slug}}, nil
	}
	names, err := tenant.Names(r, ro.named...)
`,
			}},
		},
		{
			name: "the token's tenant is not held against the host's", unsafe: []int{4}, brief: true,
			edits: []edit{{
				"tenant/service/routing.go",
				"case route.ID != claim:",
				"case false:",
			}},
		},
		{
			name: "a domain that is not proven is routed", unsafe: []int{7},
			edits: []edit{{
				"tenant/catalog/resolver.go",
				"WHERE d.host = $1 AND d.verified_at IS NOT NULL)`\n)",
				"WHERE d.host = $1)`\n)",
			}},
		},
		{
			name: "a token at a host without a tenant is told so", unsafe: []int{25},
			edits: []edit{{
				"tenant/service/routing.go",
				`return tenant.Route{}, forbidden(fmt.Errorf("token of tenant %s where there is no tenant: %w", claim, none))`,
				`return tenant.Route{}, notFound(none)`,
			}},
		},
		{
			name: "the tenant is looked up before the token is looked at", unsafe: []int{25},
			edits: []edit{{
				"tenant/service/identity.go",
				"	who, err := id.credentials.verify(r)\n",
				`	if _, none, err := id.routing.one(ctx, names); err != nil || none != nil {
		return nil, notFound(none)
	}
	who, err := id.credentials.verify(r)
`,
			}},
		},
		{
			name: "a suspended tenant is routed", unsafe: []int{32}, brief: true,
			edits: []edit{{
				"tenant/catalog/resolver.go",
				"LEFT JOIN bailiwick.tenants l ON l.tenant_id = t.id WHERE t.state = 'active' AND `",
				"LEFT JOIN bailiwick.tenants l ON l.tenant_id = t.id WHERE `",
			}},
		},
		{
			name: "what is remembered of a tenant is kept when it changes", unsafe: []int{32},
			edits: []edit{{
				"tenant/catalog/listen.go",
				"	e.resolver.ForgetTenant(id)\n",
				"	_ = id\n",
			}, {
				"tenant/catalog/remember.go",
				"	if age >= r.ttl {\n",
				"	if r.ttl == 0 {\n",
			}},
		},
	}
}
