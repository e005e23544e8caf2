package attack_test

// ofLibrary are mutations of how statements are bound to a tenant. No request can
// show most of them, because the tenants' roles hold in the database: the probe
// attacks by the broken library itself.
func ofLibrary() []mutation {
	return []mutation{
		{
			name: "the search_path has public in it", unsafe: []int{12}, brief: true,
			edits: []edit{{
				"tenant/db.go",
				`[]byte(QuoteIdent(schema) + ", pg_temp")`,
				`[]byte(QuoteIdent(schema) + ", public, pg_temp")`,
			}},
		},
		{
			name: "the role is not set", unsafe: []int{15, 17},
			edits: []edit{{
				"tenant/session.go",
				"SELECT pg_catalog.set_config('role', $1, true)",
				"SELECT pg_catalog.set_config('bailiwick.role', $1, true)",
			}},
		},
		{
			name: "the next user of a connection is bound as the first one was", unsafe: []int{17},
			edits: []edit{{
				"tenant/pipeline.go",
				"p.SendQueryParams(bindPooledSQL, b.values[:]",
				"p.SendQueryParams(bindPooledSQL, firstOf(s, b)",
			}, {
				"tenant/pipeline.go",
				"func (s *session) sendBind(",
				`var firsts sync.Map

func firstOf(s *session, b *binding) [][]byte {
	first, _ := firsts.LoadOrStore(s, b.values[:])
	values, _ := first.([][]byte)
	return values
}

func (s *session) sendBind(`,
			}, {
				"tenant/pipeline.go",
				"	\"slices\"\n",
				"	\"slices\"\n	\"sync\"\n",
			}},
		},
		{
			name: "a transaction that fails is committed", unsafe: []int{13},
			edits: []edit{{
				"tenant/tx.go",
				`s.run(ctx, "ROLLBACK")`,
				`s.run(ctx, "COMMIT")`,
			}},
		},
		{
			name: "statements are not looked at", unsafe: []int{14},
			edits: []edit{{
				"tenant/guard.go",
				"	words := sqlWords(sql)\n	if len(words) == 0 {\n",
				"	words := sqlWords(sql)\n	if len(words) >= 0 {\n		return nil\n	}\n	if len(words) == 0 {\n",
			}},
		},
		{
			name: "a querier works after its request", unsafe: []int{16},
			edits: []edit{{
				"tenant/querier.go",
				"		if p.closed.Load() {\n",
				"		if false {\n",
			}},
		},
		{
			name: "a querier works in another tenant's context", unsafe: []int{16},
			edits: []edit{{
				"tenant/tenant.go",
				"ok && t.ID != id {",
				"ok && t.ID != id && false {",
			}},
		},
		{
			name: "any text can be a tenant's name", unsafe: []int{8, 9, 10, 11},
			edits: []edit{{
				"tenant/slug.go",
				"func ParseSlug(slug string) (string, error) {\n",
				"func ParseSlug(slug string) (string, error) {\n	if true {\n		return slug, nil\n	}\n",
			}},
		},
	}
}
