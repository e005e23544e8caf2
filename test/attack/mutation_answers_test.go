package attack_test

// ofAnswers are mutations of what comes back: another tenant's, or a word too many.
func ofAnswers() []mutation {
	return []mutation{
		{
			name: "a sign-up says that the name is taken", unsafe: []int{25},
			edits: []edit{{
				"tenant/signup/signup.go",
				"	id, token := tenant.NewID(), newToken()\n",
				`	var taken bool
	if err := d.config.DB.Public().QueryRow(ctx, "SELECT EXISTS (SELECT FROM public.tenants WHERE slug = $1)", r.Slug).Scan(&taken); err != nil || taken {
		return invalid("slug", "is taken")
	}
	id, token := tenant.NewID(), newToken()
`,
			}},
		},
		{
			name: "a report is remembered by its id, without its tenant", unsafe: []int{26},
			edits: []edit{{
				"server/custom_reports.go",
				"	report, err := q.GetReportExtent(ctx, req.ReportId)\n	if err != nil {\n		return nil, err\n	}\n	name :=",
				`	kept, found := reports.Load(req.ReportId)
	report, _ := kept.(tenantdb.GetReportExtentRow)
	if !found {
		var err error
		if report, err = q.GetReportExtent(ctx, req.ReportId); err != nil {
			return nil, err
		}
		reports.Store(req.ReportId, report)
	}
	name :=`,
			}, {
				"server/custom_reports.go",
				"const reportPage = 1000\n",
				"const reportPage = 1000\n\nvar reports sync.Map\n",
			}, {
				"server/custom_reports.go",
				"	\"strings\"\n",
				"	\"strings\"\n	\"sync\"\n",
			}},
		},
		{
			name: "a cursor is signed without its tenant", unsafe: []int{28},
			edits: []edit{{
				"tenant/rest/cursor.go",
				"owner = t.ID.String()",
				`owner = ""; _ = t`,
			}},
		},
		{
			name: "an idempotency key is remembered without its tenant", unsafe: []int{28},
			edits: []edit{{
				"tenant/rest/idempotency.go",
				"	key, err := once.claim(ctx)\n	if err != nil {\n		return none, err\n	}\n",
				`	key, err := once.claim(ctx)
	if err != nil {
		return none, err
	}
	if kept, ok := everybodys.Load(key.key); ok {
		answer, _ := kept.(Stored)
		answer.replayed = true
		return once.Stored(answer), nil
	}
`,
			}, {
				"tenant/rest/idempotency.go",
				"	return once.Stored(answer), nil\n}\n\n// errTakeBack",
				"	everybodys.Store(key.key, answer)\n	return once.Stored(answer), nil\n}\n\nvar everybodys sync.Map\n\n// errTakeBack",
			}, {
				"tenant/rest/idempotency.go",
				"	\"strconv\"\n",
				"	\"strconv\"\n	\"sync\"\n",
			}},
		},
		{
			name: "errors of the database are told to the client", unsafe: []int{41}, also: []int{6, 26},
			edits: []edit{{
				"tenant/rest/problem.go",
				"		problem.Status = statuses[code]\n",
				"		problem.Status = statuses[code]\n		problem.Detail = err.Error()\n",
			}},
		},
		{
			name: "a schema that the statements don't fit is queried", unsafe: []int{35},
			edits: []edit{{
				"tenant/fit.go",
				"	if len(misfits) == 0 {\n		return nil\n",
				"	if len(misfits) >= 0 {\n		return nil\n",
			}},
		},
		{
			name: "the token is in the log", unsafe: []int{41},
			edits: []edit{{
				"tenant/rest/middleware.go",
				"ex.log(r.Context(), h.logger(), r.Method)",
				`ex.log(r.Context(), h.logger(), r.Method+r.Header.Get("Authorization"))`,
			}},
		},
		{
			name: "a tenant's id, and so its schema, is made from its slug", unsafe: []int{33},
			edits: []edit{{
				"tenant/catalog/create.go",
				"r := Record{ID: tenant.NewID(), ",
				"named := sha256.Sum256([]byte(p.Slug))\n	r := Record{ID: tenant.ID(named[:16]), ",
			}, {
				"tenant/catalog/create.go",
				"	\"context\"\n",
				"	\"context\"\n	\"crypto/sha256\"\n",
			}},
		},
	}
}
