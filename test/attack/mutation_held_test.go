package attack_test

// ofFirstDefences are mutations that take one of two defences away. The second one
// holds, so that nothing comes through: the suite must see that, too.
func ofFirstDefences() []mutation {
	return []mutation{
		{
			name: "algorithms of a shared secret are accepted, but keys are of pairs", also: []int{5},
			edits: []edit{{
				"tenant/service/settings.go",
				`envDefault:"EdDSA,ES256,RS256"`,
				`envDefault:"HS256,EdDSA,ES256,RS256"`,
			}, {
				"tenant/identity/tokens.go",
				"	jose.EdDSA, jose.ES256, jose.ES384,",
				"	jose.HS256, jose.EdDSA, jose.ES256, jose.ES384,",
			}},
		},
		{
			name: "an API key's tenant is not looked at, but keys are in their tenant's schema", also: []int{4},
			edits: []edit{{
				"tenant/service/credentials.go",
				"if !key.For(c.keys, route.ID) {",
				"if false {",
			}},
		},
	}
}

// ofLibraryFirstDefences are the same in the library.
func ofLibraryFirstDefences() []mutation {
	return []mutation{
		{
			name: "a transaction that fails is left open, but its connection is closed", also: []int{13},
			edits: []edit{{
				"tenant/tx.go",
				"		return joinDistinct(err, s.rollback(ctx))\n	}\n	return s.commit(ctx, &p.binding)",
				"		return err\n	}\n	return s.commit(ctx, &p.binding)",
			}, {
				"tenant/tx.go",
				"err = s.rollback(ctx)\n		}\n		s.release()",
				"err = nil\n		}\n		s.release()",
			}},
		},
	}
}
