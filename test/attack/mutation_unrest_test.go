package attack_test

// ofUnrest are mutations of what happens while something changes: the tenant, its
// schema, or how long somebody takes.
func ofUnrest() []mutation {
	return []mutation{
		{
			name: "a statement that the schema has outgrown is run as it was prepared", unsafe: []int{18},
			edits: []edit{{
				"tenant/pipeline.go",
				`return state == "0A000" || state == "26000"`,
				`return state == "26000"`,
			}, {
				"tenant/error.go",
				`"42883", "0A000", "42P10"`,
				`"42883", "42P10"`,
			}},
		},
		{
			name: "every third transaction is taken back and said to be committed", unsafe: []int{34},
			edits: []edit{{
				"tenant/tx.go",
				"	return s.commit(ctx, &p.binding)\n}\n",
				`	if commits.Add(1)%3 == 0 {
		return s.rollback(ctx)
	}
	return s.commit(ctx, &p.binding)
}

var commits atomic.Int64
`,
			}, {
				"tenant/tx.go",
				"	\"strings\"\n",
				"	\"strings\"\n	\"sync/atomic\"\n",
			}},
		},
		{
			name: "a tenant that is away for a while is an error of the service's", unsafe: []int{34},
			edits: []edit{{
				"tenant/catalog/remember.go",
				"		return tenant.Route{}, notFound(name)\n",
				"		return tenant.Route{}, failf(tenant.CodeInternal, \"there is no active tenant of %s\", name)\n",
			}},
		},
	}
}

// ofLibraryUnrest are the same in the library.
func ofLibraryUnrest() []mutation {
	return []mutation{
		{
			name: "a statement may take as long as it likes", unsafe: []int{38},
			edits: []edit{{
				"tenant/session.go",
				"pg_catalog.set_config('statement_timeout', $3, true)",
				"pg_catalog.set_config('bailiwick.statement_timeout', $3, true)",
			}},
		},
		{
			name: "a name that a tenant has, but that is not served, is asked for twice", unsafe: []int{25},
			edits: []edit{{
				"tenant/catalog/resolver.go",
				"	if errors.Is(err, pgx.ErrNoRows) {\n		return tenant.Route{}, notFound(name)\n",
				`	if errors.Is(err, pgx.ErrNoRows) {
		var there bool
		const known = "SELECT EXISTS (SELECT FROM public.tenants WHERE slug = $1)"
		if err := r.db.Public().QueryRow(ctx, known, name.Slug).Scan(&there); err == nil && there {
			_, _ = r.read(ctx, routeColumns+withoutLife+condition, arg)
		}
		return tenant.Route{}, notFound(name)
`,
			}},
		},
		{
			name: "that a domain is nobody's is not remembered", unsafe: []int{25},
			edits: []edit{{
				"tenant/catalog/remember.go",
				"	if r.ttl <= 0 {\n",
				"	if r.ttl <= 0 || e.unknown && e.name.Domain != \"\" {\n",
			}},
		},
	}
}
